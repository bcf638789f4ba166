/** Ends a command on a signal: by its own doing if it can, by force if it takes too long. */
import { isatty } from 'node:tty'
import { releaseHeld } from '../../util/files/held.ts'
import { complain } from './output.ts'
import { wrapped } from './text.ts'

/** Exit codes of signals, as shells set them. */
export const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143]
] as const
type EndingSignal = (typeof SIGNALS)[number][0]
const SIGPIPE = 141

/** What a command has to end by itself, unless it saves. */
const GRACE_MS = 1500
/** A signal that comes again so soon is the same: the terminal and a parent process may both send it. */
const REPEAT_MS = 100

/** Runs work that an abort lets finish, however long that takes. */
export type Saving = <Result>(work: () => Promise<Result>) => Promise<Result>

/** The reason of an aborted signal. It is not reported. */
export class Interrupted extends Error {
  override name = 'AbortError'
  constructor() {
    super('interrupted')
  }
}

/** Listens to signals from its construction until `close`. */
export class Ending {
  readonly #abort = new AbortController()
  readonly #listeners: readonly (readonly [EndingSignal, () => void])[]
  /** Those of stdin, stdout and stderr that were terminals. */
  readonly #terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  #code = 0
  #since = 0
  #saving = 0
  #timer: NodeJS.Timeout | undefined
  #signal: EndingSignal | undefined
  readonly #finishing: string

  /** @param finishing is told when `saving` takes longer than the grace */
  constructor(finishing = 'Finishing and saving. Another Ctrl-C ends at once, without saving.') {
    this.#finishing = finishing
    this.#listeners = SIGNALS.map(([name, code]) => [name, () => this.#on(name, code)])
    for (const [name, listener] of this.#listeners) process.on(name, listener)
    // The reader of stdout has gone (`| head`): save and end, as on Ctrl-C.
    process.stdout.on('error', () => this.#begin(SIGPIPE))
    // A terminal that was closed refuses both; that must not keep a run from being saved.
    process.stderr.on('error', () => {})
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The exit code of the signal that came; 0 if none did. */
  get code(): number {
    return this.#code
  }

  /** Runs work that is let finish after a signal; a second signal ends it all the same. */
  readonly saving: Saving = async (work) => {
    this.#saving++
    try {
      return await work()
    } finally {
      if (--this.#saving === 0 && this.#code !== 0) this.#watch()
    }
  }

  /** Listens no more. A command that is to end, and does not, is still ended. */
  close(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener)
    if (this.#terminalGone) this.#hangUp()
  }

  /** True if a terminal was closed meanwhile. */
  get #terminalGone(): boolean {
    return this.#terminals.some((descriptor) => !isatty(descriptor))
  }

  /** Ends as a closed terminal ends a process: Node's own end would set its modes, fail at that, and abort. */
  #hangUp(): void {
    process.removeAllListeners('SIGHUP')
    process.kill(process.pid, 'SIGHUP')
  }

  #on(name: EndingSignal, code: number): void {
    if (this.#code === 0) {
      this.#signal = name
      this.#begin(code)
    } else if (performance.now() - this.#since > REPEAT_MS) {
      this.#signal = name
      this.#end()
    }
  }

  #begin(code: number): void {
    if (this.#code !== 0) return
    this.#code = code
    this.#since = performance.now()
    this.#watch()
    this.#abort.abort(new Interrupted())
  }

  /** Ends the process when the time is over. */
  #watch(): void {
    clearTimeout(this.#timer)
    // It does not keep a process alive that could end.
    this.#timer = setTimeout(() => {
      if (this.#saving === 0) this.#end()
      else complain(wrapped(this.#finishing))
    }, GRACE_MS).unref()
  }

  /**
   * Ends the process now. Not by `process.exit`: that waits for threads, and one may hang, such as in opening a pipe
   * that nobody writes to.
   */
  #end(): void {
    releaseHeld()
    const signal = this.#signal
    if (signal !== undefined) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else if (this.#terminalGone) this.#hangUp()
    else process.exit(this.#code)
  }
}
