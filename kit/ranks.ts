/**
 * Several processes, each with a GPU, summed by NCCL: two ranks on one GPU must be refused in plain words; with two
 * GPUs or more, ranks must train as one process does, hold the same bits, and end when one of them is killed.
 */
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/free-port.ts'
import { rankEnvironment } from '../test/rank-environment.ts'
import { partArguments, say } from './arguments.ts'
import { type Ended, runLines } from './child.ts'
import type { RankTask } from './rank.ts'

const { brief, double, rest } = partArguments()
const gpus = Number(rest[0] ?? 1)
/** As many as a machine usually has. */
const ranks = Math.min(gpus, 8)
const seconds = 60
const limit = 2 * 60_000

/** Runs so many processes of kit/rank.ts, each on the GPU of its number or on the one that is named. */
async function run(count: number, given: Partial<RankTask>): Promise<readonly Ended[]> {
  const url = import.meta.url
  const file = fileURLToPath(new URL(url.endsWith('.ts') ? 'rank.ts' : 'rank.js', url))
  const start = url.endsWith('.ts') ? ['--import', 'tsx', file] : [file]
  const port = await freePort()
  return await Promise.all(
    Array.from({ length: count }, (_, rank) => {
      const task: RankTask = { device: `cuda:${rank}`, seconds, steps: 10, double, ...given }
      const group = rankEnvironment(rank, count, port)
      const env = count > 1 ? group : {}
      return runLines([...start, JSON.stringify(task)], limit, { env })
    })
  )
}

const errorsOf = (all: readonly Ended[]) =>
  all.flatMap(({ error, lines }) => [error, lines.at(-1)?.error].filter((one) => one !== undefined))

async function refused(): Promise<void> {
  const name = 'two ranks on one GPU are refused in plain words'
  const all = await run(2, { device: 'cuda:0' })
  const told = all.map(({ lines }) => String(lines.at(-1)?.error ?? ''))
  const plain = told.every((words) => words.includes('a GPU of its own for each rank'))
  say({ name, told: told[0], ...(!plain && { failed: told.join('; ') || 'nothing was said' }) })
}

/** Losses of several ranks beside those of one, their weights beside each other, and images a second. */
async function alike(gradientDtype: 'f32' | 'bf16'): Promise<void> {
  const name = `alexnet, ${gradientDtype} gradients, ${ranks} ranks`
  const [[one], all] = [await run(1, {}), await run(ranks, { gradientDtype })]
  const failures = errorsOf([...(one ? [one] : []), ...all])
  const words = failures.join('; ').slice(0, 500)
  if (/libnccl.*was not found/.test(words)) return say({ name, skipped: words })
  if (words) return say({ name, failed: words })
  const lossesOf = (ended?: Ended) => [ended?.lines.at(-1)?.losses ?? []].flat().map(Number)
  const alone = lossesOf(one)
  const off = all.map((ended) => {
    return lossesOf(ended).map((loss, i) => Math.abs(loss - (alone[i] ?? Number.NaN)) / loss)
  })
  const error = Math.max(...off.flat())
  // cuDNN and cublasLt compute a share of the batch by other algorithms than the whole.
  const bound = gradientDtype === 'bf16' ? 0.02 : double ? 1e-5 : 1e-3
  say({ name: `${name}: losses`, error, bound, ...(!(error <= bound) && { failed: 'beyond' }) })
  const hashes = new Set(all.map(({ lines }) => lines.at(-1)?.hash))
  say({ name: `${name}: the same bits`, ...(hashes.size > 1 && { failed: 'weights differ' }) })
  const [speed, single] = [all[0], one].map((ended) => Number(ended?.lines.at(-1)?.images_per_s))
  const scaling = (speed ?? 0) / (ranks * (single ?? 1))
  say({ name: `${name}: speed`, images_per_s: speed, of_one: single, scaling })
}

async function killed(): Promise<void> {
  const name = 'the others end when a rank is killed'
  const start = performance.now()
  const all = await run(ranks, { steps: 1e6, killAt: 5 })
  const took = (performance.now() - start) / 1000
  const told = all.filter((_, rank) => rank !== 1).map(({ lines }) => String(lines.at(-1)?.error))
  const named = told.every((words) => /\[group\] rank 1 on \S+ ended/.test(words))
  say({ name, told: told[0], seconds: took, ...(!named && { failed: told.join('; ') }) })
}

await refused()
if (ranks < 2) {
  say({ name: 'ranks with a GPU each', skipped: 'this machine has one GPU, and they need two' })
} else {
  await alike('f32')
  if (!brief) await alike('bf16')
  await killed()
}
