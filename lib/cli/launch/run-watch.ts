/** What a start again goes on from: the run that the start before made. */
import { runsIn } from '../../run/claim-folder.ts'

export class RunWatch {
  readonly #args: readonly string[]
  readonly #out: string | undefined
  readonly #before: readonly string[]

  private constructor(args: readonly string[], out?: string, before: readonly string[] = []) {
    this.#args = args
    this.#out = out
    this.#before = before
  }

  /**
   * Looks at the folder of a run before it begins.
   * @param command a command line; that of `train` has a run
   * @throws UsageError for one that `train` refuses
   */
  static async of([name, ...args]: readonly [string, ...string[]]): Promise<RunWatch> {
    if (name !== 'train') return new RunWatch(args)
    // Loaded for training alone.
    const { trainArguments } = await import('../train/arguments.ts')
    const { out, resume } = await trainArguments(args)
    return resume ? new RunWatch(args) : new RunWatch(args, out, await runsIn(out))
  }

  /** The arguments of a start again: with `--resume` if the start before has made a run, for what it has saved. */
  async again(): Promise<readonly string[]> {
    if (this.#out === undefined) return this.#args
    const [newest] = await runsIn(this.#out)
    const isOurs = newest !== undefined && !this.#before.includes(newest)
    return isOurs ? [...this.#args, '--resume'] : this.#args
  }
}
