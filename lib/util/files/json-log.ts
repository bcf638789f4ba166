/**
 * An append-only log of JSON lines. It can be cut back to a step, so that the log of a resumed run equals that of
 * an uninterrupted one.
 */

import type { FileHandle } from 'node:fs/promises'
import { readAll, withFile, writeAll } from './bytes.ts'
import { diskError, errnoOf, onDisk } from './errors.ts'
import { flushData } from './flush.ts'
import { isObject } from './json.ts'
import { openFile } from './open.ts'

/** Bytes that are read at once. */
const PIECE = 1 << 16

/** An open log. */
export class JsonLog {
  readonly #path: string
  readonly #handle: FileHandle
  #size: number
  #tail: Promise<void> = Promise.resolve()
  #closed = false
  #failure: unknown

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path
    this.#handle = handle
    this.#size = size
  }

  /**
   * Opens a log for appending, or creates it.
   *
   * @throws DiskError if the disk refuses
   */
  static async open(path: string): Promise<JsonLog> {
    return onDisk('log', 'open', path, async () => {
      const handle = await openFile(path, 'a')
      return new JsonLog(path, handle, (await handle.stat()).size)
    })
  }

  /**
   * Appends one line, in the order of the calls. Numbers that are not finite become null. After a failure the log
   * ends with its last complete line, and every later call throws the same error.
   *
   * @throws DiskError if the disk refuses
   * @throws Error if the log is closed
   */
  append(record: object): Promise<void> {
    if (this.#closed) {
      return Promise.reject(
        new Error(`[log] expected ${this.#path} open, got closed; open it again`)
      )
    }
    const line = Buffer.from(`${JSON.stringify(record)}\n`)
    const turn = this.#tail.then(() => this.#write(line))
    this.#tail = turn.catch(() => {})
    return turn
  }

  /** Flushes all lines to the disk. */
  async flush(): Promise<void> {
    await this.#tail
    if (this.#failure !== undefined) throw this.#failure
    await onDisk('log', 'write', this.#path, () => flushData(this.#handle))
  }

  /** Flushes, unless a line has failed before, and closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#tail
    try {
      if (this.#failure === undefined) await this.flush()
    } finally {
      await this.#handle.close()
    }
  }

  async #write(line: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      await writeAll(this.#handle, line)
      this.#size += line.byteLength
    } catch (error) {
      await this.#handle.truncate(this.#size).catch(() => {})
      this.#failure = diskError('log', 'write', this.#path, error)
      throw this.#failure
    }
  }
}

/** What `trimLog` cut off. */
export interface TrimmedLog {
  /** Bytes that were cut off at its end. */
  readonly cut: number
  /** Numbers, from 1, of damaged lines that are kept, since good ones follow. */
  readonly damaged: readonly number[]
  /** Numbers, from 1, of damaged lines that were cut off. A line without its end does not count: a kill leaves one. */
  readonly dropped: readonly number[]
}

/**
 * Cuts a log back to its state after a step. It ends before the first line of a later step (`step`) or of the run's
 * end (`final: true`). Lines that are no JSON objects are cut off at its end, and stay before a good line.
 *
 * @param path the log; a missing one is left missing
 * @param step the last step to keep; undefined keeps nothing
 * @throws DiskError if the disk refuses
 */
export async function trimLog(path: string, step: number | undefined): Promise<TrimmedLog> {
  try {
    return await withFile(path, 'r+', async (handle) => {
      const { size } = await handle.stat()
      const { keep, ...lines } = await measure(handle, step)
      if (keep < size) await handle.truncate(keep)
      return { cut: size - keep, ...lines }
    })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { cut: 0, damaged: [], dropped: [] }
    throw diskError('log', 'trim', path, error)
  }
}

async function measure(
  handle: FileHandle,
  step: number | undefined
): Promise<Omit<TrimmedLog, 'cut'> & { readonly keep: number }> {
  if (step === undefined) return { keep: 0, damaged: [], dropped: [] }
  let keep = 0
  let end = 0
  let line = 0
  const damaged: number[] = []
  /** Damaged lines after the last good one. */
  let doubtful: number[] = []
  for await (const bytes of linesOf(handle)) {
    end += bytes.byteLength + 1
    line++
    const kind = kindOf(bytes.toString('utf8'), step)
    if (kind === 'later') break
    if (kind === 'damaged') doubtful.push(line)
    else {
      damaged.push(...doubtful)
      doubtful = []
      keep = end
    }
  }
  return { keep, damaged, dropped: doubtful }
}

/** The whole lines of a file, without their ends. */
export async function* linesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  const piece = new Uint8Array(PIECE)
  let rest = Buffer.alloc(0)
  for (let at = 0; ; ) {
    const got = await readAll(handle, piece, at)
    at += got
    const text = Buffer.concat([rest, piece.subarray(0, got)])
    let from = 0
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, from)) {
      yield text.subarray(from, end)
      from = end + 1
    }
    rest = Buffer.from(text.subarray(from))
    if (got < PIECE) return
  }
}

/** What a line is to a log that is cut back to a step. */
function kindOf(line: string, last: number): 'kept' | 'later' | 'damaged' {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    return 'damaged'
  }
  if (!isObject(record)) return 'damaged'
  if (record.final === true) return 'later'
  return typeof record.step !== 'number' || record.step <= last ? 'kept' : 'later'
}
