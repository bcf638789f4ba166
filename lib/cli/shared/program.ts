/** Runs a command's body: reports errors, sets exit codes, handles Ctrl-C. */
import { SettingsError } from '../../run/settings.ts'
import { wrapped } from './text.ts'

/** The command line asks for something impossible; the exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Exit codes of signals, as shells set them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const
const SIGPIPE = 141

/**
 * Runs a command. An error is written to stderr; the exit code is then 2 for UsageError and SettingsError, else 1.
 * The first Ctrl-C aborts `signal`, so that the body can save; the exit code is then 130. The second ends the
 * process at once.
 *
 * @example
 * await program(async (signal) => console.log(await evaluate(net, data.test, { signal })))
 */
export async function program(body: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController()
  let code = 0
  const listeners = Object.entries(SIGNALS).map(([name, number]) => {
    const listener = () => {
      if (code !== 0) process.exit(number)
      code = number
      abort.abort(new Interrupted())
    }
    process.on(name, listener)
    return () => process.off(name, listener)
  })
  // The reader of stdout has gone (`| head`): save and end, as on Ctrl-C.
  const gone = () => {
    code ||= SIGPIPE
    abort.abort(new Interrupted())
  }
  process.stdout.on('error', gone)
  try {
    await body(abort.signal)
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      printError(error)
      const usage = error instanceof UsageError || error instanceof SettingsError
      code ||= usage ? 2 : 1
    }
  } finally {
    for (const remove of listeners) remove()
    if (code !== 0) process.exitCode = code
  }
}

/** Writes an error's message to stderr, and its stack where ALEXNODE_DEBUG is set. */
export function printError(error: unknown): void {
  process.stderr.write(`${wrapped(messageOf(error))}\n`)
  if (process.env.ALEXNODE_DEBUG && error instanceof Error) console.error(error.stack)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The reason of an aborted signal. It is not reported. */
class Interrupted extends Error {
  override name = 'AbortError'
  constructor() {
    super('interrupted')
  }
}
