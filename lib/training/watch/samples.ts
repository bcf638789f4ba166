/** Some of a tensor's numbers, read back from a device: enough to judge the whole by, and little to bring. */

import { Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { decode, dtypeBytes } from '../../native/dtype.ts'

/** Numbers that lie side by side; a read brings so many at once. */
const RUN = 1024

/**
 * Reads runs of numbers that are spread evenly over a tensor's memory, padding included; all of it, where it has
 * no more.
 *
 * @param runs at most so many
 * @param span which of the tensor's elements, as they lie in memory. Default: all
 */
export async function sample(
  stream: Stream,
  { buffer, dtype, offset, bytes }: Tensor,
  runs: number,
  span = { from: 0, count: bytes / dtypeBytes(dtype) }
): Promise<Float64Array> {
  const size = dtypeBytes(dtype)
  const { from, count } = span
  const whole = count <= RUN * runs
  const length = whole ? count : RUN
  const reads: Promise<Float64Array>[] = []
  for (let i = 0; i < (whole ? 1 : runs); i++) {
    // Tensors begin at whole words.
    const gap = runs > 1 ? Math.floor(((count - length) * i) / (runs - 1) / 2) * 2 : 0
    const at = offset + (from + gap) * size
    const part = new Tensor(buffer, { shape: [length], dtype, offset: at })
    reads.push(stream.read(part).then((elements) => decode(elements, dtype)))
  }
  const all = new Float64Array(length * reads.length)
  for (const [i, read] of reads.entries()) all.set(await read, i * length)
  return all
}

/** Square of the Euclidean norm. */
export function square(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
