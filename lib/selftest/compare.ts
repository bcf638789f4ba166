import type { Dense } from '../reference/index.ts'
import type { Tolerance } from './case.ts'

/** The element that is worst off. */
export interface Mismatch {
  /** Its indices, outermost dimension first. */
  readonly at: readonly number[]
  readonly actual: number
  readonly expected: number
  /** How many elements are beyond the tolerance. */
  readonly count: number
}

/**
 * Compares element by element: |actual - expected| <= absolute + relative * |expected|. NaN equals
 * NaN, and an infinity equals itself.
 *
 * @returns the worst element where one is beyond the tolerance, else undefined
 * @throws when the two differ in shape
 */
export function compare(
  actual: Dense,
  expected: Dense,
  tolerance: Tolerance
): Mismatch | undefined {
  if (`${actual.shape}` !== `${expected.shape}` || actual.data.length !== expected.data.length) {
    throw new Error(`[selftest] expected the shape [${expected.shape}], got [${actual.shape}]`)
  }
  let count = 0
  let worst = -1
  let excess = 0
  for (let i = 0; i < expected.data.length; i++) {
    const over = beyond(actual.data[i]!, expected.data[i]!, tolerance)
    if (over <= 0) continue
    count++
    if (worst >= 0 && over <= excess) continue
    worst = i
    excess = over
  }
  if (worst < 0) return undefined
  const at = indices(worst, expected.shape)
  return { at, actual: actual.data[worst]!, expected: expected.data[worst]!, count }
}

/** How far beyond the tolerance a pair is; not above 0 where it passes. */
export function beyond(actual: number, expected: number, tolerance: Tolerance): number {
  if (Object.is(actual, expected) || actual === expected) return 0
  const over = Math.abs(actual - expected) - tolerance.absolute
  const room = tolerance.relative * Math.abs(expected)
  return Number.isFinite(over) && Number.isFinite(room) ? over - room : Number.POSITIVE_INFINITY
}

function indices(position: number, shape: readonly number[]): number[] {
  const at: number[] = []
  for (const size of shape.toReversed()) {
    at.unshift(position % size)
    position = Math.floor(position / size)
  }
  return at
}
