/** Runs a command's body: reports errors, sets exit codes, handles signals. */
import { SettingsError } from '../../run/settings.ts'
import { Ending, Interrupted, type Saving } from './ending.ts'
import { complain } from './output.ts'
import { wrapped } from './text.ts'

/** The command line asks for something impossible; the exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Options of `program`. */
export interface ProgramOptions {
  /** True for a command that a signal ends as it should: the exit code is then 0. Default false. */
  readonly isService?: boolean
}

const ANSWERING = 'Answering what is queued. Another Ctrl-C ends at once, without answers.'

/**
 * Runs a command. An error is written to stderr; the exit code is then 2 for UsageError and SettingsError, else 1.
 *
 * The first SIGINT (Ctrl-C), SIGTERM or SIGHUP aborts `signal`. The body then has 1.5 seconds to end, and work in
 * `saving` as long as it takes; the exit code is 130, 143 or 129. A body that does not end, and a second signal, end
 * the process at once, by that signal.
 *
 * @example
 * await program(async (signal, saving) => {
 *   const result = await evaluate(net, data.test, { signal })
 *   await saving(() => run.finish(net, result))
 * })
 */
export async function program(
  body: (signal: AbortSignal, saving: Saving) => Promise<void>,
  { isService = false }: ProgramOptions = {}
): Promise<void> {
  const ending = new Ending(isService ? ANSWERING : undefined)
  let failure = 0
  try {
    await body(ending.signal, ending.saving)
  } catch (error) {
    // Closing failed, too, such as on a full disk: what came first tells why.
    const all = errorsIn(error).filter((one) => !(one instanceof Interrupted))
    const told = new Set(all.map(messageOf))
    for (const one of all) if (told.delete(messageOf(one))) printError(one)
    const [first] = all
    if (first !== undefined) {
      failure = first instanceof UsageError || first instanceof SettingsError ? 2 : 1
    }
  } finally {
    ending.close()
    const code = isService ? failure : ending.code || failure
    if (code !== 0) process.exitCode = code
  }
}

/** The errors of a block that `using` closed, in the order in which they came. */
function errorsIn(error: unknown): readonly unknown[] {
  if (!(error instanceof Error) || !('suppressed' in error) || !('error' in error)) return [error]
  return [...errorsIn(error.suppressed), ...errorsIn(error.error)]
}

/** Writes an error's message to stderr, and its stack where ALEXNODE_DEBUG is set. */
export function printError(error: unknown): void {
  complain(wrapped(messageOf(error)))
  if (process.env.ALEXNODE_DEBUG && error instanceof Error) complain(error.stack ?? '')
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
