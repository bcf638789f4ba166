/**
 * Makes the files of this folder with another version of alexnode: see README.md.
 *
 *     node --import tsx test/compat/make.ts CHECKOUT
 */
import { createHash } from 'node:crypto'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { prepare } from '../../lib/data/photos/prepare/prepare.ts'
import type { cpuInfo } from '../../lib/native/binding.ts'
import type { version } from '../../lib/native/version.ts'
import type { writeIndex } from '../../lib/use/feature-index.ts'
import type { outputs } from '../../lib/use/outputs.ts'
import { classFiles, writeFiles } from '../photo-files.ts'
import { definitionOf, LAST, type Library, runCourse, SIZE, testInput, testRun } from './course.ts'

interface OldVersion extends Library {
  readonly cpuInfo: typeof cpuInfo
  readonly outputs: typeof outputs
  readonly prepare: typeof prepare
  readonly version: typeof version
  readonly writeIndex: typeof writeIndex
}

const [checkout] = process.argv.slice(2)
if (checkout === undefined) throw new Error('expected CHECKOUT, the folder of a built checkout')
const old: OldVersion = await import(pathToFileURL(resolve(checkout, 'lib/index.ts')).href)

// Feature files name folders by their whole path: one that is the same everywhere.
const scratch = join(tmpdir(), 'alexnode-compat')
await rm(scratch, { recursive: true, force: true })
const root = join(scratch, 'files')

// Prepared pictures, as raw bytes and as JPEG files.
const source = await writeFiles(join(scratch, 'pets'), {
  ...(await classFiles({ 'train/cat': 8, 'train/dog': 8, 'train/emu': 8 })),
  ...(await classFiles({ 'test/cat': 3, 'test/dog': 3, 'test/emu': 2 }, 100))
})
const pictures = join(root, 'pictures')
await old.prepare(source, pictures, { size: SIZE, store: 'raw' })
await old.prepare(source, join(root, 'pictures-jpeg'), { size: SIZE, store: 'jpeg' })

// A run that was stopped, whose rate was then changed, and that was resumed to its end.
const out = join(root, 'run')
const begun = await runCourse(old, { out, pictures, stop: 4 })
await writeFile(join(out, 'control.json'), '{"lr": 0.01}\n')
const kept = await runCourse(old, { out, pictures })

// What a layer gives, in both formats.
const layer = 'fc1'
for (const name of ['features.safetensors', 'features.npy']) {
  await using device = await old.open('cpu', { threads: 2 })
  await using photos = await old.openPhotos(pictures, { threads: 1 })
  await using trained = await old.openTrained(out, device, {
    batch: 4,
    dtype: 'f32',
    layer,
    definition: ({ classes }) => definitionOf(old, classes.length)
  })
  const set = trained.takeUnlabelled(photos.test)
  const input = testInput(trained.facts.input)
  async function* rows() {
    for await (const { values } of old.outputs(trained.net, set, { input })) yield values
  }
  await old.writeIndex(join(root, name), trained.net.classes, rows(), () => ({
    run: out,
    weights: 'run/weights.safetensors',
    net: 'compat',
    layer,
    folder: pictures,
    images: Array.from({ length: photos.test.length }, (_, i) => ({ file: photos.test.name(i) }))
  }))
}

// What this version gives from here on: the resumed run, and tests of what was kept.
const copy = join(scratch, 'run')
await cp(out, copy, { recursive: true })
const resumed = await runCourse(old, { out: copy, pictures, steps: LAST })
const weights = await readFile(join(copy, 'weights.safetensors'))
const tests: Record<string, unknown> = {}
for (const name of ['final', 'best', 'newest']) {
  tests[name] = await testRun(old, { out, pictures, weights: name })
}
const expected = {
  version: old.version,
  cpu: cpus()[0]?.model,
  isa: old.cpuInfo.isa,
  onednn: old.cpuInfo.onednn,
  begun,
  kept,
  resumed,
  resumedWeights: createHash('sha256').update(weights).digest('hex'),
  tests
}
await writeFile(join(root, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)
const files = join(import.meta.dirname, 'files')
await rm(files, { recursive: true, force: true })
await cp(root, files, { recursive: true })
await rm(scratch, { recursive: true, force: true })
