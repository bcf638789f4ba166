/** The error that tells why the addon does not load. */

export interface Advice {
  /** What is wrong, on one line. */
  readonly problem: string
  /** What was looked for, and where. */
  readonly looked: string
  /** What mends it: mostly a command. */
  readonly mend: string
}

/** The addon was not found, or does not load. The message says what was looked for, where, and what to do. */
export class AddonError extends Error {
  override name = 'AddonError'
  /** The file that does not load; undefined: none was found. */
  readonly file: string | undefined
  /** What is wrong, on one line. */
  readonly problem: string
  /** What mends it: mostly a command. */
  readonly mend: string

  constructor({ problem, looked, mend }: Advice, file?: string, cause?: unknown) {
    super(
      `[alexnode] the native addon does not load: ${problem}\n${looked}\n${mend}`,
      cause === undefined ? {} : { cause }
    )
    this.file = file
    this.problem = problem
    this.mend = mend
  }
}
