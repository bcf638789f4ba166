import type { Tolerance } from './case.ts'
import type { Dense } from './reference/index.ts'

/** How two tensors agree, told by the element that is nearest its bound or farthest beyond it. */
export interface Comparison {
  /** Its indices, outermost dimension first; none where there are no elements. */
  readonly at: readonly number[]
  readonly actual: number
  readonly expected: number
  /** |actual - expected| of it. */
  readonly error: number
  /** What its error may be. */
  readonly bound: number
  /** How many elements are beyond their bounds. */
  readonly count: number
}

/**
 * Compares element by element: |actual - expected| <= absolute + relative * |expected|. NaN equals
 * NaN, and an infinity equals itself.
 *
 * @throws when the two differ in shape
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

/** How far a number is from what it should be, and how far it may be. */
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
