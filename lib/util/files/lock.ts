/**
 * Lets one process at a time work in a folder, by a file named `lock`. The lock of a dead process is taken over
 * at once. If that is unknown (another machine or container), the lock's age decides: its holder touches it every
 * 20 seconds.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync, unlinkSync } from 'node:fs'
import { readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFile } from './atomic.ts'
import { holding } from './held.ts'
import { create, FolderInUseError, type Held, heldBy, nameOf, ownText } from './lock-file.ts'
import { LockGuard } from './lock-guard.ts'

export { FolderInUseError } from './lock-file.ts'

const TOUCH_MS = 20_000
const STALE_MS = 90_000
/** Examining a lock takes milliseconds: a guard this old was left by a crash. */
const GUARD_MS = 10_000
/** How often a lock is tried that is gone as soon as it is looked at. */
const ATTEMPTS = 100

/** Options of `FolderLock.take`. */
export interface LockOptions {
  /** Interval in milliseconds at which the holder touches the lock. Default 20,000. */
  readonly touchMs?: number
  /** Milliseconds for which one process is waited for that examines the lock. Default 10,000. */
  readonly guardMs?: number
  /** Called with a sentence when there is a wait. */
  readonly onNote?: ((text: string) => void) | undefined
}

/** Holds a folder for this process until `release()`. */
export class FolderLock {
  readonly #path: string
  readonly #text: string
  readonly #timer: NodeJS.Timeout
  readonly #forget: () => void

  private constructor(path: string, text: string, touchMs: number) {
    this.#path = path
    this.#text = text
    this.#timer = setInterval(() => {
      const now = new Date()
      utimes(path, now, now).catch(() => {})
    }, touchMs).unref()
    this.#forget = holding(() => {
      if (readFileSync(path, 'utf8') === text) unlinkSync(path)
    })
  }

  /**
   * Takes the lock of an existing folder.
   *
   * @throws FolderInUseError if another process holds it
   * @throws DiskError if the disk refuses, or what is named `lock` is no file
   */
  static async take(folder: string, options: LockOptions = {}): Promise<FolderLock> {
    const { touchMs = TOUCH_MS, guardMs = GUARD_MS, onNote } = options
    const path = join(folder, 'lock')
    const text = ownText(randomBytes(6).toString('hex'))
    const guard = new LockGuard(join(folder, '.lock.examined'), { most: guardMs, onNote })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await create(path, text)) return new FolderLock(path, text, touchMs)
      await guard.during(() => dropStale(path))
    }
    throw new FolderInUseError(
      `[lock] expected ${path} to stay free, got it taken ${ATTEMPTS} times in a moment; ` +
        'try again, or choose another folder'
    )
  }

  /** Releases the folder. */
  async release(): Promise<void> {
    clearInterval(this.#timer)
    this.#forget()
    const text = await readFile(this.#path, 'utf8').catch(() => undefined)
    if (text === this.#text) await removeFile(this.#path)
  }
}

/**
 * Removes the lock if its holder is dead.
 * @throws FolderInUseError if the holder is alive
 */
async function dropStale(path: string): Promise<void> {
  const held = await heldBy(path)
  if (held === undefined) return
  const { alive, age } = held
  if (alive === 'yes' || (alive === 'unknown' && age < STALE_MS)) throw inUse(path, held)
  await removeFile(path)
}

function inUse(path: string, { holder, alive, age }: Held): Error {
  // A clock that is wrong, here or there, dates a lock to the future: it would never grow old.
  const dead = age < 0 ? 'it is dated to the future, so if it is dead,' : 'if it is dead,'
  const remove = age < 0 ? `remove ${path}` : `remove ${path} or wait 2 minutes`
  const otherwise =
    alive === 'yes'
      ? 'wait for it, stop it, or choose another folder'
      : `wait for it or choose another folder; ${dead} ${remove}`
  return new FolderInUseError(
    `[lock] expected ${path} to be free, got one held by ${nameOf(holder)}; ${otherwise}`
  )
}
