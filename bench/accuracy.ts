/**
 * What bf16 costs in accuracy: `fashion` on Fashion-MNIST as `alexnode train` trains it, in f32 and in bf16, with
 * the same steps and several seeds, tested on all 10,000 images. Prints each run's top-1, and writes
 * bench/results/accuracy.json (with --steps or --seeds build/bench/accuracy.json).
 *
 * npm run bench:accuracy -- [--steps 600] [--seeds 1,2,3] [--out FILE]
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cli } from './beside.ts'
import { machineOf } from './machine.ts'
import { optionsOf, whole } from './options.ts'

const dtypes = ['f32', 'bf16'] as const

interface Run {
  readonly seed: number
  readonly f32: number
  readonly bf16: number
}

const { values } = optionsOf({
  options: {
    steps: { type: 'string' },
    seeds: { type: 'string' },
    out: { type: 'string' }
  }
})
const steps = whole('steps', values.steps ?? '600')
const seeds = (values.seeds ?? '1,2,3').split(',').map((seed) => whole('seeds', seed, 0))
// Other runs than the usual do not take the place of what is kept.
const usual = values.steps === undefined && values.seeds === undefined
const place = usual ? 'results/accuracy.json' : '../build/bench/accuracy.json'
const out = values.out ?? fileURLToPath(new URL(place, import.meta.url))

/** Top-1 on the test images, from 0 to 1. */
async function top1(dtype: (typeof dtypes)[number], seed: number, folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[...cli(), 'train', '--net', 'fashion', '--device', 'cpu', '--json', '--out', folder],
    ...['--dtype', dtype, '--seed', `${seed}`, '--steps', `${steps}`, '--schedule', 'warmCosine']
  ])
  const result: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  if (typeof result === 'object' && result && 'test_top1' in result) return Number(result.test_top1)
  throw new Error(`[bench] expected test_top1, got ${stdout.slice(-200)}`)
}

const folder = await mkdtemp(join(tmpdir(), 'alexnode-accuracy-'))
const runs: Run[] = []
try {
  console.log(`fashion, ${steps} steps: top-1 on 10,000 images\n\n seed     f32    bf16`)
  for (const seed of seeds) {
    const run = { seed, f32: 0, bf16: 0 }
    for (const dtype of dtypes)
      run[dtype] = await top1(dtype, seed, join(folder, `${dtype}-${seed}`))
    runs.push(run)
    console.log(
      `${`${seed}`.padStart(5)}${run.f32.toFixed(4).padStart(8)}${run.bf16.toFixed(4).padStart(8)}`
    )
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
const mean = (dtype: (typeof dtypes)[number]) =>
  runs.reduce((sum, run) => sum + run[dtype], 0) / runs.length
const [f32, bf16] = [mean('f32'), mean('bf16')]
const difference = (bf16 - f32).toFixed(4)
console.log(
  ` mean${f32.toFixed(4).padStart(8)}${bf16.toFixed(4).padStart(8)}   bf16 - f32: ${difference}`
)
const { model, isa } = await machineOf(availableParallelism())
const date = new Date().toISOString().slice(0, 10)
await mkdir(dirname(out), { recursive: true })
const result = { date, cpu: `${model}, ${isa}`, steps, runs, mean: { f32, bf16 } }
await writeFile(out, `${JSON.stringify(result, undefined, 1)}\n`)
