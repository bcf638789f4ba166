/** What options of training have to be. */

/** @throws Error where an option of training is no number from `least` on */
export function requireNumber(name: string, value: number, least: number): void {
  if (!Number.isFinite(value) || value < least) {
    throw new Error(`[train] ${name}: expected a number from ${least}, got ${value}`)
  }
}

/** @throws Error where an option of training is there, and no number from 0 to below 1 */
export function requireShare(name: string, value: number | undefined): void {
  if (value === undefined || (value >= 0 && value < 1)) return
  throw new Error(`[train] ${name}: expected a number from 0 to below 1, got ${value}`)
}

/** @throws Error where an option of training is no whole number from 1 */
export function requireWhole(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new Error(`[train] ${name}: expected a whole number from 1, got ${value}`)
}
