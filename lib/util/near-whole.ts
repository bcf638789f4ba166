/**
 * Whole numbers of products and quotients, such as the steps of .07 epochs of 100: 7.000000000000001 as a double. What is
 * a few roundings away from a whole number is taken for it.
 */

/** Roundings of a product or quotient of numbers that are themselves rounded, with room. */
const NEAR = 8 * Number.EPSILON

/** The largest whole number that is not above `value`. */
export function wholeBelow(value: number): number {
  const nearest = Math.round(value)
  return isNear(value, nearest) ? nearest : Math.floor(value)
}

/** The smallest whole number that is not below `value`. */
export function wholeAbove(value: number): number {
  const nearest = Math.round(value)
  return isNear(value, nearest) ? nearest : Math.ceil(value)
}

function isNear(value: number, whole: number): boolean {
  return Math.abs(value - whole) <= NEAR * Math.abs(whole)
}
