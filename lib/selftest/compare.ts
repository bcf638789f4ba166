/** Compares two tensors. */
import type { Tolerance } from './case.ts'
import type { Dense } from './reference/index.ts'

/** A comparison of two tensors: the element whose error is largest by its tolerance, and how many are off. */
export interface Comparison {
  /** Its indices, outermost dimension first; empty if there are no elements. */
  readonly at: readonly number[]
  readonly actual: number
  readonly expected: number
  /** |actual - expected| */
  readonly error: number
  /** The largest error that passes. */
  readonly bound: number
  /** Number of elements that are off. */
  readonly count: number
}

/**
 * Compares element by element: |actual - expected| <= absolute + relative * |expected|. NaN equals NaN, and an infinity
 * equals itself.
 *
 * @throws Error if the shapes differ
 */
export function compare(actual: Dense, expected: Dense, tolerance: Tolerance): Comparison {
  if (`${actual.shape}` !== `${expected.shape}` || actual.data.length !== expected.data.length) {
    throw new Error(`[selftest] expected the shape [${expected.shape}], got [${actual.shape}]`)
  }
  let count = 0
  let worst = 0
  let most = -1
  for (let i = 0; i < expected.data.length; i++) {
    const { error, bound } = judge(actual.data[i]!, expected.data[i]!, tolerance)
    if (error > bound) count++
    const share = error === 0 ? 0 : error / bound
    if (share <= most) continue
    worst = i
    most = share
  }
  const [a = 0, b = 0] = [actual.data[worst], expected.data[worst]]
  const at = expected.data.length === 0 ? [] : indices(worst, expected.shape)
  return { at, actual: a, expected: b, ...judge(a, b, tolerance), count }
}

/** The error of a number, and the largest error that passes. */
export function judge(actual: number, expected: number, { absolute, relative }: Tolerance) {
  const bound = absolute + relative * (Number.isFinite(expected) ? Math.abs(expected) : 0)
  if (Object.is(actual, expected) || actual === expected) return { error: 0, bound }
  const error = Math.abs(actual - expected)
  return { error: Number.isFinite(error) ? error : Number.POSITIVE_INFINITY, bound }
}

function indices(position: number, shape: readonly number[]): number[] {
  const at: number[] = []
  for (const size of shape.toReversed()) {
    at.unshift(position % size)
    position = Math.floor(position / size)
  }
  return at
}
