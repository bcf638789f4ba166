/** Training the paper's net beside PyTorch on the same cores, in turn: alexnode, PyTorch, alexnode, …. */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { paceOf } from './measure.ts'
import { script, startAlexnode, startPytorch } from './peers.ts'

export interface BesideOptions {
  /** Images in a batch. */
  readonly batch: number
  readonly rounds: number
  /** How long each side runs steps in a round; one at least. */
  readonly seconds: number
}

/** One round: images/s. */
export interface Round {
  readonly alexnode: number
  readonly pytorch: number
  readonly ratio: number
}

/** Round by round, `alexnet` in f32 with SGD, momentum and weight decay; warm-up does not count. */
export async function* besidePytorch(options: BesideOptions): AsyncGenerator<Round> {
  const { batch, rounds, seconds } = options
  const peers = ['PyTorch'] as const
  const workload = { mode: 'train', net: 'alexnet', dtype: 'f32', batch, mark: 1, peers } as const
  const threads = availableParallelism()
  using theirs = await startPytorch(workload, threads)
  using ours = await startAlexnode(workload, threads)
  for (let round = 0; round < rounds; round++) {
    const alexnode = paceOf(batch, await ours.run(seconds))
    const pytorch = paceOf(batch, await theirs.run(seconds))
    yield { alexnode, pytorch, ratio: alexnode / pytorch }
  }
}

/** Arguments of node that start the program `alexnode`, from source or compiled. */
export function cli(): string[] {
  return script('../lib/cli/main')
}

/** Runs a program whose last line tells its images/s. */
export async function speed(command: string, args: readonly string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(command, args)
  const result: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  if (typeof result === 'object' && result && 'images_per_s' in result) {
    if (typeof result.images_per_s === 'number') return result.images_per_s
  }
  throw new Error(`[bench] expected images_per_s from ${command}, got ${stdout}`)
}
