/** Counts the values of a tensor in buckets whose widths grow with the values, eight to an octave. */
import { setImmediate } from 'node:timers/promises'

/** As TensorBoard's `HistogramProto`. */
export interface Histogram {
  readonly min: number
  readonly max: number
  /** Values that were counted: those that are finite. */
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** The upper end of each bucket, ascending. */
  readonly limits: readonly number[]
  /** Values in each bucket. */
  readonly counts: readonly number[]
}

/** Values that are counted before the event loop gets its turn: a few milliseconds. */
const PIECE = 1 << 18
/** Of an f32: its sign, its exponent and the first three bits of its mantissa choose the bucket. */
const SHIFT = 20
const BUCKETS = 1 << (32 - SHIFT)
const NEGATIVE = BUCKETS / 2
/** The first bucket that is not finite. */
const INFINITE = 0x7f8

/** The histogram of f32 values. Those that are not finite are left out. */
export async function histogramOf(values: Float32Array): Promise<Histogram> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const counts = new Float64Array(BUCKETS)
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (let from = 0; from < values.length; from += PIECE) {
    if (from > 0) await setImmediate()
    const end = Math.min(from + PIECE, values.length)
    for (let i = from; i < end; i++) {
      const value = values[i] ?? 0
      if (!Number.isFinite(value)) continue
      counts[(bits[i] ?? 0) >>> SHIFT]! += 1
      if (value < min) min = value
      if (value > max) max = value
      sum += value
      squares += value * value
    }
  }
  const count = counts.reduce((all, one) => all + one, 0)
  if (count === 0)
    return { min: 0, max: 0, count: 0, sum: 0, sumOfSquares: 0, limits: [], counts: [] }
  return { min, max, count, sum, sumOfSquares: squares, ...bucketsOf(counts) }
}

/** The buckets that hold something, with an empty one for each gap between them. */
function bucketsOf(all: Float64Array): Pick<Histogram, 'limits' | 'counts'> {
  const limits: number[] = []
  const counts: number[] = []
  const add = (low: number, high: number, count: number) => {
    const last = limits.at(-1)
    if (last !== undefined && low > last) {
      limits.push(low)
      counts.push(0)
    }
    limits.push(high)
    counts.push(count)
  }
  for (let i = INFINITE - 1; i >= 0; i--) {
    const count = all[NEGATIVE + i] ?? 0
    if (count > 0) add(-edge(i + 1), -edge(i), count)
  }
  for (let i = 0; i < INFINITE; i++) {
    const count = all[i] ?? 0
    if (count > 0) add(edge(i), edge(i + 1), count)
  }
  return { limits, counts }
}

const scratch = new DataView(new ArrayBuffer(4))

/** The lower end of a positive bucket. */
function edge(bucket: number): number {
  if (bucket >= INFINITE) return 2 ** 128
  scratch.setUint32(0, bucket << SHIFT)
  return scratch.getFloat32(0)
}
