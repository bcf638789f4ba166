/** Rules of numbers. */
import { describe } from './describe.ts'
import { type Rule, rule } from './rule.ts'

/** Bounds of a number; none is left out by default. */
export interface Bounds {
  /** The least number. */
  readonly from?: number
  /** All numbers above this one. */
  readonly above?: number
  /** The largest number. */
  readonly to?: number
  /** All numbers below this one. */
  readonly below?: number
}

/** A finite number. */
export function number(bounds: Bounds = {}): Rule {
  return rule(`a number${text(bounds)}`, (value) => isNumber(value) && inside(value, bounds))
}

/** A number above 0, or Infinity, that is above 0 in f32 too, in which ops compute. */
export const positive: Rule = {
  expected: 'a number above 0',
  optional: false,
  fault(value) {
    const { expected } = positive
    if (typeof value !== 'number' || !(value > 0)) {
      return { path: '', expected, got: describe(value) }
    }
    if (Math.fround(value) > 0) return undefined
    return { path: '', expected, got: `${value}, which is 0 in f32` }
  }
}

/** A whole number that a double holds exactly. */
export function whole(bounds: Bounds = {}): Rule {
  const keeps = (value: unknown) => isSafe(value) && inside(value, bounds)
  return rule(`a whole number${text(bounds)}`, keeps)
}

/** A finite number that is also finite and within the bounds when it is rounded to f32, in which ops compute. */
export function f32(bounds: Bounds = {}): Rule {
  const expected = `a number${text(bounds)}`
  const keeps = (value: number) => Number.isFinite(value) && inside(value, bounds)
  return {
    expected,
    optional: false,
    fault(value) {
      if (typeof value !== 'number' || !keeps(value)) {
        return { path: '', expected, got: describe(value) }
      }
      const rounded = Math.fround(value)
      if (keeps(rounded)) return undefined
      return { path: '', expected, got: `${value}, which is ${rounded} in f32` }
    }
  }
}

/** A seed of random draws. */
export const seed: Rule = rule('a whole number from 0 to 2^53 - 1', (value) => {
  return isSafe(value) && value >= 0
})

function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

function isSafe(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function inside(value: number, { from, above, to, below }: Bounds): boolean {
  return (
    (from === undefined || value >= from) &&
    (above === undefined || value > above) &&
    (to === undefined || value <= to) &&
    (below === undefined || value < below)
  )
}

function text({ from, above, to, below }: Bounds): string {
  return [
    from === undefined ? '' : ` from ${from}`,
    above === undefined ? '' : ` above ${above}`,
    to === undefined ? '' : ` to ${to}`,
    below === undefined ? '' : ` to below ${below}`
  ].join('')
}
