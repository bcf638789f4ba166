/**
 * An append-only log of JSON lines. It can be cut back to a step, so that the log of a resumed run equals that of
 * an uninterrupted one.
 */

import { createReadStream } from 'node:fs'
import { type FileHandle, open, truncate } from 'node:fs/promises'
import { writeAll } from './bytes.ts'
import { diskError, errnoOf, onDisk } from './errors.ts'
import { flushData } from './flush.ts'
import { isObject } from './json.ts'

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
      const handle = await open(path, 'a')
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

/**
 * Cuts a log back to its state after a step. It ends before the first line of a later step (`step`), of the run's
 * end (`final: true`), or that is no complete JSON object.
 *
 * @param path the log; a missing one is left missing
 * @param step the last step to keep; undefined keeps nothing
 * @returns the number of bytes that were cut
 * @throws DiskError if the disk refuses
 */
export async function trimLog(path: string, step: number | undefined): Promise<number> {
  try {
    const { keep, size } = await measure(path, step)
    if (keep < size) await truncate(path, keep)
    return size - keep
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw diskError('log', 'trim', path, error)
  }
}

async function measure(
  path: string,
  step: number | undefined
): Promise<{ readonly keep: number; readonly size: number }> {
  let keep = 0
  let size = 0
  let keeping = step !== undefined
  let rest: Uint8Array = new Uint8Array(0)
  const stream: AsyncIterable<Uint8Array> = createReadStream(path)
  for await (const chunk of stream) {
    size += chunk.byteLength
    if (!keeping) continue
    const text = Buffer.concat([rest, chunk])
    let from = 0
    for (let end = text.indexOf(10); keeping && end >= 0; end = text.indexOf(10, from)) {
      keeping = isKept(text.toString('utf8', from, end), step ?? 0)
      if (keeping) keep += end + 1 - from
      from = end + 1
    }
    rest = text.subarray(from)
  }
  return { keep, size }
}

/** True for a line of a step up to `last`. */
function isKept(line: string, last: number): boolean {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    return false
  }
  if (!isObject(record) || record.final === true) return false
  return typeof record.step !== 'number' || record.step <= last
}
