/** What every campaign takes. */
export interface Options {
  /** Time to run, in seconds; shrinking may take longer. */
  readonly seconds: number
  /** Seeds all draws. */
  readonly seed: number
  /** Called with a line for people. */
  readonly log: (line: string) => void
}
