/** The error of a result against a reference framework, and its bound. */
export interface Check {
  readonly name: string
  readonly error: number
  readonly bound: number
}

/** True if the error is a number within its bound. */
export const holds = ({ error, bound }: Check): boolean => error <= bound

/** The largest |a - b| / max(1, |b|); NaN where one is missing or not finite. */
export function farthest(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length || ours.length === 0) return Number.NaN
  return ours.reduce((most, value, i) => {
    const other = theirs[i] ?? Number.NaN
    const error = Math.abs(value - other) / Math.max(1, Math.abs(other))
    return Number.isNaN(error) || error > most ? error : most
  }, 0)
}
