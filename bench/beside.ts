/** Training the paper's net beside PyTorch on the same cores, in turn: alexnode, PyTorch, alexnode, …. */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { python } from '../test/pytorch/run.ts'

const keep = 2 ** 35
/** Without these PyTorch's allocator gives back and takes again all memory of each step: half its speed. */
const tunables = [
  `glibc.malloc.mmap_threshold=${keep}`,
  `glibc.malloc.trim_threshold=${keep}`,
  'glibc.malloc.arena_max=1',
  'glibc.malloc.hugetlb=1'
].join(':')

export interface BesideOptions {
  /** Images in a batch. */
  readonly batch: number
  readonly rounds: number
  /** Timed steps a round. */
  readonly steps: number
}

/** One round: images/s. */
export interface Round {
  readonly alexnode: number
  readonly pytorch: number
  readonly ratio: number
}

/** Round by round, `alexnet` in f32 with SGD, momentum and weight decay; warm-up does not count. */
export async function* besidePytorch(options: BesideOptions): AsyncGenerator<Round> {
  const { batch, rounds, steps } = options
  const bench = ['bench', '--net', 'alexnet', '--dtype', 'f32', '--json']
  const ours = [...cli(), ...bench, '--batch', `${batch}`, '--steps', `${steps}`]
  const peer = fileURLToPath(new URL('pytorch.py', import.meta.url))
  const theirs = [peer, ...[batch, steps, availableParallelism()].map(String)]
  if (!python) throw new Error('[bench] PyTorch is not installed')
  for (let round = 0; round < rounds; round++) {
    const alexnode = await speed(process.execPath, ours)
    const pytorch = await speed(python, theirs, { GLIBC_TUNABLES: tunables })
    yield { alexnode, pytorch, ratio: alexnode / pytorch }
  }
}

/** Arguments of node that start the program `alexnode`, from source or compiled. */
export function cli(): string[] {
  const source = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(`../lib/cli.${source ? 'ts' : 'js'}`, import.meta.url))
  return source ? ['--import', 'tsx', file] : [file]
}

/** Runs a program whose last line tells its images/s. */
export async function speed(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {}
): Promise<number> {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...env } })
  const result: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  if (typeof result === 'object' && result && 'images_per_s' in result) {
    if (typeof result.images_per_s === 'number') return result.images_per_s
  }
  throw new Error(`[bench] expected images_per_s from ${command}, got ${stdout}`)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
