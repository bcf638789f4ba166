/**
 * Training the paper's net in f32 beside PyTorch, on the same cores, in turn: alexnode, PyTorch, alexnode, ….
 * Prints each round's images/s and the ratio; the median ratio last.
 *
 * node --import tsx bench/train.ts [BATCH=128] [ROUNDS=3] [STEPS=3]
 *
 * Needs a python3 with torch (Debian's python3-torch). PyTorch's allocator is told to keep what it frees,
 * which about doubles its speed on a CPU.
 */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const [batch = '128', rounds = '3', steps = '3'] = process.argv.slice(2)
const threads = String(availableParallelism())
const keep = 2 ** 35
const tunables = [
  `glibc.malloc.mmap_threshold=${keep}`,
  `glibc.malloc.trim_threshold=${keep}`,
  'glibc.malloc.arena_max=1',
  'glibc.malloc.hugetlb=1'
].join(':')

function speed(command: string, args: readonly string[], env: Record<string, string> = {}): number {
  const output = execFileSync(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8'
  })
  const result: unknown = JSON.parse(output.trim().split('\n').at(-1) ?? '')
  const rate =
    typeof result === 'object' &&
    result &&
    Object.entries(result).find(([key]) => key === 'images_per_s')
  if (!rate || typeof rate[1] !== 'number') throw new Error(`expected images_per_s from ${command}`)
  return rate[1]
}

const cli = new URL('../lib/cli.ts', import.meta.url).pathname
const peer = new URL('pytorch.py', import.meta.url).pathname
const ours = ['--import', 'tsx', cli, 'bench', '--net', 'alexnet', '--batch', batch]
const ratios: number[] = []
for (let round = 1; round <= Number(rounds); round++) {
  const a = speed(process.execPath, [...ours, '--dtype', 'f32', '--steps', steps, '--json'])
  const b = speed('/usr/bin/python3', [peer, batch, steps, threads], { GLIBC_TUNABLES: tunables })
  ratios.push(a / b)
  console.log(`alexnode ${a.toFixed(1)} images/s, PyTorch ${b.toFixed(1)}: ${(a / b).toFixed(2)}×`)
}
ratios.sort((a, b) => a - b)
console.log(`median ${ratios[Math.floor(ratios.length / 2)]?.toFixed(2)}×`)
