/** What a campaign of `npm run fuzz` reports. */

/** The result of one campaign. */
export interface Report {
  /** Its name: 'readers', 'boundary' or 'nets'. */
  campaign: string
  /** The seed that it began with. The same seed and version make the same cases, in the same order. */
  seed: number
  /** Cases that were run; those of the shrinking of a failure do not count. */
  cases: number
  /** Time that it took, in seconds. */
  seconds: number
  /** Cases that failed, shrunk as far as that went. */
  failures: {
    /** The case as text, from which it can be run again: JSON. */
    input: string
    /** What went wrong, in a line. */
    what: string
  }[]
}
