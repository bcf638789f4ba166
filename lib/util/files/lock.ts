/**
 * Lets one process at a time work in a folder, by a file named `lock`. The lock of a dead process is taken over
 * at once. If that is unknown (another machine or container), the lock's age decides: its holder touches it every
 * 20 seconds.
 */

import { randomBytes } from 'node:crypto'
import { readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeFile } from './atomic.ts'
import { withFile } from './bytes.ts'
import { diskError, errnoOf } from './errors.ts'
import { isObject } from './json.ts'
import { isAlive, ownMark, type ProcessMark } from './process-mark.ts'

const TOUCH_MS = 20_000
const STALE_MS = 90_000
/** Examining a lock takes milliseconds: a guard this old was left by a crash. */
const GUARD_MS = 10_000

/** Another process works in the folder. The message names the process and what to do. */
export class FolderInUseError extends Error {
  /** Always 'FolderInUseError'. */
  override readonly name = 'FolderInUseError'
}

/** Holds a folder for this process until `release()`. */
export class FolderLock {
  readonly #path: string
  readonly #text: string
  readonly #timer: NodeJS.Timeout

  private constructor(path: string, text: string, touchMs: number) {
    this.#path = path
    this.#text = text
    this.#timer = setInterval(() => {
      const now = new Date()
      utimes(path, now, now).catch(() => {})
    }, touchMs).unref()
  }

  /**
   * Takes the lock of an existing folder.
   *
   * @param options `touchMs`: interval in milliseconds at which the holder touches the lock
   * @throws FolderInUseError if another process holds it
   * @throws DiskError if the disk refuses
   */
  static async take(folder: string, { touchMs = TOUCH_MS } = {}): Promise<FolderLock> {
    const path = join(folder, 'lock')
    const id = randomBytes(6).toString('hex')
    const since = new Date().toISOString()
    const text = JSON.stringify({ ...ownMark(), host: hostname(), since, id })
    for (;;) {
      if (await create(path, text)) return new FolderLock(path, text, touchMs)
      await dropStale(path)
    }
  }

  /** Releases the folder. */
  async release(): Promise<void> {
    clearInterval(this.#timer)
    const text = await readFile(this.#path, 'utf8').catch(() => undefined)
    if (text === this.#text) await removeFile(this.#path)
  }
}

/** Creates a file. Returns false if it exists. */
async function create(path: string, text: string): Promise<boolean> {
  try {
    await withFile(path, 'wx', async (handle) => {
      await handle.writeFile(text).catch(async (error: unknown) => {
        await rm(path, { force: true })
        throw error
      })
    })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw diskError('lock', 'make', path, error)
  }
}

/**
 * Removes the lock if its holder is dead. A guard file lets one process at a time do so: otherwise a second one
 * could remove the new lock of the first.
 *
 * @throws FolderInUseError if the holder is alive
 */
async function dropStale(path: string): Promise<void> {
  const guard = join(dirname(path), '.lock.examined')
  if (!(await create(guard, ''))) {
    if (Date.now() - (await touched(guard)) > GUARD_MS) await removeFile(guard)
    await sleep(10)
    return
  }
  try {
    const text = await readFile(path, 'utf8')
    const age = Date.now() - (await touched(path))
    const holder = parse(text)
    const alive = holder === undefined ? 'unknown' : isAlive(holder)
    if (alive === 'yes' || (alive === 'unknown' && age < STALE_MS)) throw inUse(path, holder, alive)
    await removeFile(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw diskError('lock', 'take over', path, error)
  } finally {
    await removeFile(guard)
  }
}

/** Modification time of a file in milliseconds since 1970; the present time if it is gone. */
async function touched(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Date.now()
    throw diskError('lock', 'read', path, error)
  }
}

interface Holder extends ProcessMark {
  readonly host: string
  readonly since: string
}

function parse(text: string): Holder | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { pid, world, began, host, since } = value
  if (typeof pid !== 'number' || typeof world !== 'string' || typeof began !== 'string') return
  return { pid, world, began, host: String(host), since: String(since) }
}

function inUse(path: string, holder: Holder | undefined, alive: 'yes' | 'unknown'): Error {
  const who = holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : 'another'
  const otherwise =
    alive === 'yes'
      ? 'wait for it, stop it, or choose another folder'
      : `wait for it or choose another folder; if it is dead, remove ${path} or wait 2 minutes`
  return new FolderInUseError(
    `[lock] expected ${path} to be free, got one held by ${who}; ${otherwise}`
  )
}
