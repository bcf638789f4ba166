/**
 * CPU speed beside PyTorch and onnxruntime on the same cores: `npm run bench`. Prints a table as it goes, and
 * writes bench/results/cpu.json: the machine, its limits, and for each workload all steps of all sides, and ours
 * layer by layer. With --quick or --only it writes build/bench/cpu.json. Peers are installed where they are missing.
 *
 * npm run bench -- [--only WORKLOAD,…] [--rounds N] [--quick] [--threads N] [--out FILE]
 */
import { execFile } from 'node:child_process'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { availableParallelism, release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cpuInfo } from '../lib/native/binding.ts'
import { version } from '../lib/native/version.ts'
import { measureLimits } from './limits.ts'
import { machineOf } from './machine.ts'
import { measure, type WorkloadResult } from './measure.ts'
import { optionsOf, refuse, whole } from './options.ts'
import { onnxruntimeVersion, script } from './peers.ts'
import { type Feeding, printHead, printRest, printResult, resultJson } from './report.ts'
import { idOf, secondsOf, workloads } from './workloads.ts'

async function measureFeeding(steps: number, threads: number): Promise<Feeding> {
  const args = [...script('feeding'), `${steps}`, `${threads}`]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

const { values } = optionsOf({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    threads: { type: 'string', default: `${availableParallelism()}` },
    out: { type: 'string' }
  }
})
const { quick } = values
const threads = whole('threads', values.threads)
const rounds = quick ? 1 : whole('rounds', values.rounds)
const folder = fileURLToPath(new URL('../build/bench', import.meta.url))
// What was measured in part, or in haste, does not take the place of what is kept.
const partial = quick || values.only !== undefined
const kept = fileURLToPath(new URL('results/cpu.json', import.meta.url))
const out = values.out ?? (partial ? join(folder, 'cpu.json') : kept)
const names = values.only?.split(',')
const known = [...workloads.map(idOf), 'data']
for (const name of names ?? []) {
  if (!known.includes(name)) refuse(`--only: got '${name}', expected of\n  ${known.join('\n  ')}`)
}

const start = performance.now()
const machine = await machineOf(threads)
const limits = await measureLimits(folder, threads)
printHead(machine, limits)

const amx = machine.flags.includes('amx_bf16')
const results: WorkloadResult[] = []
for (const workload of workloads) {
  if (names && !names.includes(idOf(workload))) continue
  if (workload.dtype === 'bf16' && !cpuInfo.bf16) continue
  const seconds = quick ? 0 : secondsOf(workload)
  const result = await measure(workload, { rounds, seconds, threads, folder })
  results.push(result)
  printResult(result, amx)
}
const fed = !names || names.includes('data')
const feeding = fed ? await measureFeeding(quick ? 3 : 8, threads) : undefined
printRest(results, feeding, amx)

const torch = results.map(({ sides }) => sides.get('PyTorch')?.facts.torch).find(Boolean)
const object = {
  date: new Date().toISOString(),
  machine,
  versions: {
    alexnode: version,
    node: process.version,
    kernel: release(),
    onednn: cpuInfo.onednn,
    torch,
    onnxruntime: await onnxruntimeVersion(folder)
  },
  limits,
  rounds,
  quick,
  minutes: Number(((performance.now() - start) / 60_000).toFixed(1)),
  workloads: results.map((result) => resultJson(result, limits, amx)),
  ...(feeding && { data: feeding })
}
await mkdir(dirname(out), { recursive: true })
await writeFile(`${out}.part`, `${JSON.stringify(object, null, 1)}\n`)
await rename(`${out}.part`, out)
process.stdout.write(`\nIn ${object.minutes} minutes; kept in ${out}\n`)
