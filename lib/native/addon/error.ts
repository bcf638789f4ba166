/** Why the addon does not load, and the remedy. */
export interface Advice {
  /** The problem, in one line. */
  readonly problem: string
  /** What was searched for, and where. */
  readonly looked: string
  /** The remedy, mostly a command. */
  readonly mend: string
}

/**
 * The native addon was not found or does not load. The message says what was searched for, where, and what to do.
 * Importing alexnode throws it.
 */
export class AddonError extends Error {
  /** Always 'AddonError'. */
  override name = 'AddonError'
  /** The file that does not load; undefined if none was found. */
  readonly file: string | undefined
  /** The problem, in one line. */
  readonly problem: string
  /** The remedy, mostly a command. */
  readonly mend: string

  /** @internal */
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
