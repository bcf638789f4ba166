/** What every program of the command line shares: errors in plain words, exit codes, Ctrl-C. */
import { SettingsError } from '../run/settings.ts'
import { wrap } from './format.ts'

/** The person asked for something that cannot be: the program ends with 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Exit codes of signals, as shells have them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const
const SIGPIPE = 141

/**
 * Runs a program: an error is told on stderr and ends it with 1 (2 for a UsageError or SettingsError). The first Ctrl-C
 * aborts `signal`, so that the program can finish what it does and save; it then exits with 130. A second
 * one ends it at once.
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
  // Whoever read the output has gone (`| head`): as on Ctrl-C, what was trained is saved.
  const gone = () => {
    code ||= SIGPIPE
    abort.abort(new Interrupted())
  }
  process.stdout.on('error', gone)
  try {
    await body(abort.signal)
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      const message = error instanceof Error ? error.message : String(error)
      process.stderr.write(`${wrap(message).join('\n')}\n`)
      if (process.env.ALEXNODE_DEBUG && error instanceof Error) console.error(error.stack)
      const usage = error instanceof UsageError || error instanceof SettingsError
      code ||= usage ? 2 : 1
    }
  } finally {
    for (const remove of listeners) remove()
    if (code !== 0) process.exitCode = code
  }
}

/** Why a signal was aborted: nothing to tell of. */
class Interrupted extends Error {
  override name = 'AbortError'
  constructor() {
    super('interrupted')
  }
}
