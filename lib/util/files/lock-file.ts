/** A file that names the process that made it: a lock, or the guard of one. */

import type { Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { PlainError } from '../foreign.ts'
import { createFile } from './atomic.ts'
import { readText } from './bytes.ts'
import { DiskError, diskError, errnoOf } from './errors.ts'
import { isObject } from './json.ts'
import { isAlive, ownMark, type ProcessMark } from './process-mark.ts'

/** Another process works in the folder. The message names the process and what to do. */
export class FolderInUseError extends PlainError {
  /** Always 'FolderInUseError'. */
  override readonly name = 'FolderInUseError'
}

/** The process that made the file. */
export interface Holder extends ProcessMark {
  readonly host: string
  readonly since: string
}

/** What a file says of its holder. */
export interface Held {
  /** Undefined if the file does not say, such as while it is written. */
  readonly holder: Holder | undefined
  /** `unknown` if nothing is said, or it is said of another machine or container. */
  readonly alive: 'yes' | 'no' | 'unknown'
  /** Milliseconds since it was touched, by the clock; negative if that lies in the future. */
  readonly age: number
  /** Equal for the same file that was not touched. */
  readonly version: string
}

/** The text of a file that this process holds. */
export function ownText(id: string): string {
  const since = new Date().toISOString()
  return JSON.stringify({ ...ownMark(), host: hostname(), since, id })
}

/** Creates a file, whole. Returns false if it exists. */
export async function create(path: string, text: string): Promise<boolean> {
  try {
    return await createFile(path, text)
  } catch (error) {
    throw diskError('lock', 'make', path, error)
  }
}

/**
 * Reads who holds a file; undefined if it is gone.
 * @throws DiskError if it is no file, or cannot be read
 */
export async function heldBy(path: string): Promise<Held | undefined> {
  try {
    // Not stat: a link to nothing exists, yet cannot be read, nor made.
    const stats = await lstat(path)
    if (!stats.isFile()) throw notFile(path, stats)
    const holder = parse(await readText('lock', path))
    const { ino, mtimeMs } = stats
    return {
      holder,
      alive: holder === undefined ? 'unknown' : isAlive(holder),
      age: Date.now() - mtimeMs,
      version: `${ino} ${mtimeMs}`
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw diskError('lock', 'read', path, error)
  }
}

function notFile(path: string, stats: Stats): Error {
  const [kind, code] = stats.isSymbolicLink()
    ? ['a symbolic link', 'ELOOP']
    : stats.isDirectory()
      ? ['a folder', 'EISDIR']
      : ['a pipe or a device', 'ENXIO']
  const message = `[lock] expected ${path} to be a file, got ${kind}; remove it, or choose another folder`
  return new DiskError(message, code, undefined)
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

/** Names a holder in a sentence. */
export function nameOf(holder: Holder | undefined): string {
  return holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : 'another'
}
