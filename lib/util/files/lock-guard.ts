import { setTimeout as sleep } from 'node:timers/promises'
import { removeFile } from './atomic.ts'
import { create, FolderInUseError, heldBy, nameOf, ownText } from './lock-file.ts'

/** After so long a wait is told of. */
const TOLD_MS = 1000

/** Options of a guard. */
export interface GuardOptions {
  /** Milliseconds for which one process is waited for. */
  readonly most: number
  /** Called with a sentence when there is a wait. */
  readonly onNote?: ((text: string) => void) | undefined
}

/**
 * A file by which one process at a time examines a lock: otherwise a second one could remove the new lock of the first.
 * One that a crash left is removed: at once if its process is known to be dead, else when it is old.
 */
export class LockGuard {
  readonly #path: string
  readonly #options: GuardOptions
  /** Since when the same file was seen, by a clock that nobody sets. */
  #seen = { version: '', since: 0 }
  #told = false

  constructor(path: string, options: GuardOptions) {
    this.#path = path
    this.#options = options
  }

  /**
   * Runs work under the guard, once it is free.
   * @throws FolderInUseError if a living process keeps it
   */
  async during(work: () => Promise<void>): Promise<void> {
    while (!(await create(this.#path, ownText('guard')))) await this.#wait()
    try {
      await work()
    } finally {
      await removeFile(this.#path)
    }
  }

  async #wait(): Promise<void> {
    const held = await heldBy(this.#path)
    if (held === undefined) return
    const { holder, alive, age, version } = held
    const { most } = this.#options
    if (version !== this.#seen.version) this.#seen = { version, since: performance.now() }
    const waited = performance.now() - this.#seen.since
    if (alive === 'yes' && waited > most) {
      throw new FolderInUseError(
        `[lock] expected ${this.#path} to go in ${most / 1000} s, got it held by ` +
          `${nameOf(holder)}; end that process, or choose another folder`
      )
    }
    if (alive === 'no' || (alive === 'unknown' && Math.max(age, waited) > most)) {
      return removeFile(this.#path)
    }
    if (waited > TOLD_MS) this.#tell(most - waited)
    await sleep(10)
  }

  #tell(left: number): void {
    if (this.#told) return
    this.#told = true
    this.#options.onNote?.(
      `waits for another process that takes the lock, ${Math.ceil(left / 1000)} s at most; ` +
        `if there is none, remove ${this.#path}`
    )
  }
}
