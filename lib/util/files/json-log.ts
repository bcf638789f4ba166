// A log of JSON lines that is only ever appended to, and can be cut back to a step, so that a run
// that was interrupted and resumed reads as one that was not.

import { createReadStream } from 'node:fs'
import { type FileHandle, open, truncate } from 'node:fs/promises'
import { writeAll } from './bytes.ts'
import { diskError, errnoOf } from './errors.ts'
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
   * Opens a log for appending, and makes it if it is not there.
   *
   * @throws DiskError when the disk refuses
   */
  static async open(path: string): Promise<JsonLog> {
    try {
      const handle = await open(path, 'a')
      return new JsonLog(path, handle, (await handle.stat()).size)
    } catch (error) {
      throw diskError('log', 'open', path, error)
    }
  }

  /**
   * Appends one line; lines come in the order of the calls. Numbers are written in full precision,
   * those that are not finite as null. After a failure the log ends with its last whole line, and
   * every later call fails in the same way.
   *
   * @throws DiskError when the disk refuses
   * @throws Error when the log is closed
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

  /** Waits until all lines are on the disk (fsync). */
  async flush(): Promise<void> {
    await this.#tail
    if (this.#failure !== undefined) throw this.#failure
    try {
      await flushData(this.#handle)
    } catch (error) {
      throw diskError('log', 'write', this.#path, error)
    }
  }

  /** Flushes, unless a line has failed and its caller was told, and closes. */
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
 * Cuts a log back to the state it had after a step: the first line of a later step (its `step`),
 * of an end (`final: true`) or that is not a whole JSON object goes, and all that follows it.
 *
 * @param path - the log; nothing is done when it is not there
 * @param step - the last step to keep; undefined keeps nothing
 * @returns how many bytes were cut
 * @throws DiskError when the disk refuses
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
      keeping = belongs(text.toString('utf8', from, end), step ?? 0)
      if (keeping) keep += end + 1 - from
      from = end + 1
    }
    rest = text.subarray(from)
  }
  return { keep, size }
}

function belongs(line: string, last: number): boolean {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    return false
  }
  if (!isObject(record) || record.final === true) return false
  return typeof record.step !== 'number' || record.step <= last
}
