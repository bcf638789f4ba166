/**
 * What PyTorch gave for the nets of parity.ts, in a small file: losses, and of each gradient, which may have millions of
 * values, its norm and a few sums. `npm run judges -- --keep` writes it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TorchResult } from './run.ts'

/** The 2-norm of a tensor, and its sums with signs that are drawn for each element. */
export interface Sketch {
  readonly size: number
  readonly norm: number
  readonly sums: readonly number[]
}

/** What PyTorch gave for a net. */
export interface KeptResult {
  /** One a step. */
  readonly losses: readonly number[]
  /** Of the first step, by parameter. */
  readonly gradients: ReadonlyMap<string, Sketch>
}

const SUMS = 16
const file = join(import.meta.dirname, '../judges/kept/pytorch.json')

/** 32 bits that depend on all of i: the finalizer of MurmurHash3. */
function hash(i: number): number {
  let h = Math.imul(i ^ (i >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

export function sketch(values: Float32Array): Sketch {
  const sums = new Float64Array(SUMS)
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    const signs = hash(i)
    squares += value * value
    for (let j = 0; j < SUMS; j++) sums[j] = (sums[j] ?? 0) + ((signs >>> j) & 1 ? value : -value)
  }
  return { size: values.length, norm: Math.sqrt(squares), sums: [...sums] }
}

/** |a - b| / |b| in the 2-norm; of a sketch, its estimate: the mean square of such a sum is the square of the norm. */
export function distance(
  a: Float32Array = new Float32Array(),
  b: Float32Array | Sketch = new Float32Array()
): number {
  if (!(b instanceof Float32Array)) {
    const { size, sums } = sketch(a)
    if (size !== b.size || b.sums.length !== sums.length) return Number.NaN
    const squares = sums.map((sum, j) => (sum - (b.sums[j] ?? Number.NaN)) ** 2)
    return Math.sqrt(squares.reduce((all, one) => all + one) / sums.length) / b.norm
  }
  let difference = 0
  let norm = 0
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    difference += ((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN)) ** 2
    norm += (b[i] ?? Number.NaN) ** 2
  }
  return Math.sqrt(difference / norm)
}

/** What is kept of a result. */
export function small({ losses, gradients }: TorchResult): object {
  const entries = [...gradients].map(([name, values]) => [name, sketch(values)])
  return { losses, gradients: Object.fromEntries(entries) }
}

/** Reads what PyTorch gave for a net. */
export function keptResult(net: string): KeptResult {
  const { nets } = JSON.parse(readFileSync(file, 'utf8'))
  const { losses, gradients } = nets[net]
  return { losses, gradients: new Map(Object.entries<Sketch>(gradients)) }
}
