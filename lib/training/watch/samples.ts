import { Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { decode, dtypeBytes } from '../../native/dtype.ts'

/** Adjacent numbers that one read brings. */
const RUN = 1024

/**
 * Samples a tensor on a device: reads runs of adjacent numbers, spread evenly over its memory, padding included.
 * Small tensors are read whole.
 *
 * @param runs how many, at most
 * @param span elements to sample from, in memory order. Default: all
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
    // A tensor's offset is a multiple of 4 bytes.
    const gap = runs > 1 ? Math.floor(((count - length) * i) / (runs - 1) / 2) * 2 : 0
    const at = offset + (from + gap) * size
    const part = new Tensor(buffer, { shape: [length], dtype, offset: at })
    reads.push(stream.read(part).then((elements) => decode(elements, dtype)))
  }
  const all = new Float64Array(length * reads.length)
  for (const [i, read] of reads.entries()) all.set(await read, i * length)
  return all
}

/** The square of the Euclidean norm. */
export function square(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
