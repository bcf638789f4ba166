/**
 * Two clones beside each other, each set up: every workload of `npm run bench`, on the same cores in turn. For
 * two builds of the addon, such as with oneDNN 2.6 and 3.7, or before and after a change.
 *
 * node --import tsx bench/clones.ts FOLDER OTHER [--rounds 3] [--seconds 4] [--only PATTERN] [--out FILE]
 *
 * Prints images/s of both and how many times as fast the second is: the median of the rounds' ratios.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { median } from '../lib/util/median.ts'
import { Contender } from './contender.ts'
import { machineOf } from './machine.ts'
import { paceOf } from './measure.ts'
import { optionsOf, pattern, refuse, whole } from './options.ts'
import { idOf, type Workload, workloads } from './workloads.ts'

const { values, positionals } = optionsOf({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    out: { type: 'string' }
  }
})
const clones = positionals.map((folder) => resolve(folder))
if (clones.length !== 2) refuse(`expected the folders of two clones, got ${clones.length}`)
for (const clone of clones) {
  const parts = ['bench/alexnode.ts', 'node_modules/tsx', 'build/Release/alexnode.node']
  const absent = parts.find((part) => !existsSync(join(clone, part)))
  if (absent) refuse(`expected a clone that is set up, got one without ${absent}: ${clone}`)
}
const rounds = whole('rounds', values.rounds)
const seconds = whole('seconds', values.seconds)
const threads = availableParallelism()
const only = pattern('only', values.only)
const chosen = workloads.filter((workload) => only.test(idOf(workload)))
if (chosen.length === 0) refuse(`--only: no workload's name matches '${values.only}'`)

/** alexnode as that clone has it. */
function start(clone: string, { net, mode, dtype, batch, direct }: Workload): Promise<Contender> {
  const words = [net, mode, dtype, `${batch}`, `${threads}`, direct ? 'off' : 'on']
  const tsx = join(clone, 'node_modules/tsx/dist/loader.mjs')
  const args = ['--import', tsx, join(clone, 'bench/alexnode.ts'), ...words]
  return Contender.start({ command: process.execPath, args })
}

interface Line {
  readonly id: string
  /** Images/s of each clone. */
  readonly images_per_s: readonly number[]
  /** The second's divided by the first's. */
  readonly ratio: number
}

const lines: Line[] = []
let onednn: readonly unknown[] = []
for (const workload of chosen) {
  const contenders: Contender[] = []
  try {
    for (const clone of clones) contenders.push(await start(clone, workload))
    onednn = contenders.map(({ ready }) => ready.onednn)
    const paces: number[][] = []
    for (let round = 0; round < rounds; round++) {
      const pair: number[] = []
      for (const contender of contenders) {
        pair.push(paceOf(workload.batch, await contender.run(seconds)))
      }
      paces.push(pair)
    }
    const images_per_s = clones.map(
      (_, i) => Math.round(median(paces.map((pair) => pair[i] ?? 0)) * 10) / 10
    )
    const ratio = Number(median(paces.map(([a = 1, b = 0]) => b / a)).toFixed(3))
    lines.push({ id: idOf(workload), images_per_s, ratio })
    console.log(`${idOf(workload).padEnd(36)} ${images_per_s.join('  ').padStart(16)}  ${ratio}×`)
  } finally {
    for (const contender of contenders) contender[Symbol.dispose]()
  }
}
if (values.out !== undefined) {
  const date = new Date().toISOString().slice(0, 10)
  const result = { date, onednn, rounds, seconds, machine: await machineOf(threads), lines }
  await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`)
}
