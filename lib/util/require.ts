/** Checks of training options. */

/** @throws Error unless an option is a number from `least` on */
export function requireNumber(name: string, value: number, least: number): void {
  if (!Number.isFinite(value) || value < least) {
    throw new Error(`[train] ${name}: expected a number from ${least}, got ${value}`)
  }
}

/** @throws Error unless an option is missing, or a number from 0 and below 1 */
export function requireShare(name: string, value: number | undefined): void {
  if (value === undefined || (value >= 0 && value < 1)) return
  throw new Error(`[train] ${name}: expected a number from 0 to below 1, got ${value}`)
}

/** @throws Error unless an option is a whole number from 1 on */
export function requireWhole(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new Error(`[train] ${name}: expected a whole number from 1, got ${value}`)
}
