/**
 * Whether every named net begins to learn few classes by the defaults of `alexnode train`: nets × sets × batches. Keeps
 * each cell in bench/results/defaults.json as soon as it is done, and writes the table of docs/defaults.md. A cell that
 * is kept is not run again, unless the defaults of its net have changed since.
 *
 *   ALEXNODE_DATA=FOLDER npm run bench:defaults                 what is not kept yet, which takes hours
 *   npm run bench:defaults -- --only alexnet/shapes             cells whose name matches
 *   npm run bench:defaults -- --seconds 150                     begins no cell after that time
 *
 * The sets are in the folder ALEXNODE_DATA: fashion-mnist/, cifar10-jpg.tar.xz, imagenet-samples.tar. Cells of a set
 * that is not there are left out, and said so.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openData } from '../lib/data/open.ts'
import { open } from '../lib/index.ts'
import { defaultTraining } from '../lib/run/defaults.ts'
import { runCell } from './defaults-cell.ts'
import { type Kept, type KeptCell, writePage } from './defaults-page.ts'
import { machineOf } from './machine.ts'
import { optionsOf, pattern, whole } from './options.ts'

export const nets = ['alexnet', 'caffe', 'chm-145', 'convnet2', 'torchvision', 'fashion', 'cifar']
export const batches = [8, 32, 128]

const data = process.env.ALEXNODE_DATA ?? ''
const scratch = fileURLToPath(new URL('../build/bench/defaults', import.meta.url))

/** Where a set is; undefined: not here. */
const sets: Readonly<Record<string, () => string | undefined>> = {
  shapes: () => 'shapes',
  'fashion-mnist': () => here('fashion-mnist') && 'fashion-mnist',
  'cifar-10': cifar,
  // The first two by name.
  'two classes': () => {
    const from = cifar()
    if (from === undefined) return undefined
    const to = join(scratch, 'two-classes')
    for (const part of ['train', 'test'])
      for (const name of ['airplane', 'automobile'])
        cpSync(join(from, part, name), join(to, part, name), { recursive: true })
    return to
  },
  photographs: () => {
    const tar = here('imagenet-samples.tar')
    return tar && join(unpacked(tar, 'photographs'), 'imagenet-samples')
  }
}

function cifar(): string | undefined {
  const tar = here('cifar10-jpg.tar.xz')
  return tar && unpacked(tar, 'cifar-10')
}

function here(name: string): string | undefined {
  return data !== '' && existsSync(join(data, name)) ? join(data, name) : undefined
}

function unpacked(tar: string, name: string): string {
  const to = join(scratch, name)
  if (!existsSync(to)) {
    mkdirSync(to, { recursive: true })
    execFileSync('tar', ['xf', tar, '-C', to])
  }
  return to
}

const { values } = optionsOf({
  options: { only: { type: 'string' }, seconds: { type: 'string' } }
})
const only = pattern('only', values.only ?? '')
const seconds = values.seconds === undefined ? Infinity : whole('seconds', values.seconds)
const file = fileURLToPath(new URL('results/defaults.json', import.meta.url))
/** What is kept by now: another process may add cells. */
const keptNow = (): Kept =>
  existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { cells: {} }
const { model, isa } = await machineOf(availableParallelism())
const start = performance.now()

await using device = await open('cpu')
// Small batches of all nets first: they are quick, and the noisiest.
for (const batch of batches) {
  for (const [set, find] of Object.entries(sets)) {
    for (const net of nets) {
      const name = `${net}/${set}/${batch}`
      const defaults = defaultTraining({ net, batch })
      const known = keptNow().cells[name]
      const same = JSON.stringify(known?.defaults) === JSON.stringify(defaults)
      if (!only.test(name) || same || performance.now() - start > 1000 * seconds) continue
      const path = find()
      if (path === undefined) {
        console.log(`${name}: skipped, ${data || 'ALEXNODE_DATA'} has no such set`)
        continue
      }
      const opened = await openData(path)
      const result = await runCell(device, { net, data: opened, batch })
      const date = new Date().toISOString().slice(0, 10)
      const cell: KeptCell = { ...result, defaults, date, cpu: `${model}, ${isa}` }
      const kept = { cells: { ...keptNow().cells, [name]: cell } }
      await writeFile(file, `${JSON.stringify(kept, undefined, 1)}\n`)
      console.log(`${name}: ${JSON.stringify(result)}`)
    }
  }
}
await writePage(keptNow(), { nets, sets: Object.keys(sets), batches })
