/**
 * Appends events to a file that TensorBoard reads: a TFRecord file, each record an `Event` message. Writing goes on
 * beside the caller.
 * Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, tensorflow/core/util/event.proto
 */
import type { FileHandle } from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAll } from '../../util/files/bytes.ts'
import { maskedCrc32c } from '../../util/files/crc32c.ts'
import { diskError, errnoOf, onDisk } from '../../util/files/errors.ts'
import { flushData } from '../../util/files/flush.ts'
import { makeFolder } from '../../util/files/make-folder.ts'
import { openFile } from '../../util/files/open.ts'
import type { Encoded } from '../../util/files/protobuf-writer.ts'

/** TensorBoard takes each file whose name holds this for one of events. */
const MARK = 'tfevents'
/** Bytes that may wait for the disk before `drained` waits, too. */
const MOST_WAITING = 1 << 23

/** Names of the event files in a folder, the oldest first; none where there is no folder. */
export async function eventFiles(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.includes(MARK)).sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw diskError('tensorboard', 'read', folder, error)
  }
}

/** A name that sorts after `others`: TensorBoard reads the files of a folder in the order of their names. */
function nameAfter(others: readonly string[]): string {
  const newest = others.map((name) => Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0))
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...newest.map((time) => time + 1))
  return `events.out.${MARK}.${String(seconds).padStart(10, '0')}.alexnode`
}

/** An open event file. */
export class EventFile {
  readonly path: string
  readonly #handle: FileHandle
  #waiting: Uint8Array[] = []
  #bytes = 0
  #writing: Promise<void> | undefined
  #failure: unknown

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /**
   * Makes a new event file in a folder, which is made where it is missing.
   * @throws DiskError if the disk refuses
   */
  static async create(folder: string): Promise<EventFile> {
    await makeFolder('tensorboard', folder)
    const path = join(folder, nameAfter(await eventFiles(folder)))
    return onDisk('tensorboard', 'write', path, async () => {
      return new EventFile(path, await openFile(path, 'wx'))
    })
  }

  /** Adds an event; it is written beside what the caller does next. After a failure nothing is written. */
  add(event: Encoded): void {
    if (this.#failure !== undefined) return
    const record = recordOf(event)
    this.#waiting.push(record)
    this.#bytes += record.byteLength
    this.#writing ??= this.#write()
  }

  /**
   * Waits where the disk is far behind.
   * @throws DiskError if it has refused
   */
  async drained(): Promise<void> {
    if (this.#bytes > MOST_WAITING) await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Waits until all is on the disk, and closes the file.
   * @throws DiskError if the disk has refused
   */
  async close(): Promise<void> {
    await this.#writing
    try {
      if (this.#failure !== undefined) throw this.#failure
      await onDisk('tensorboard', 'write', this.path, () => flushData(this.#handle))
    } finally {
      await this.#handle.close()
    }
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const records = Buffer.concat(this.#waiting)
        this.#waiting = []
        await writeAll(this.#handle, records)
        this.#bytes -= records.byteLength
      }
    } catch (error) {
      this.#failure = diskError('tensorboard', 'write', this.path, error)
      this.#waiting = []
      this.#bytes = 0
    } finally {
      this.#writing = undefined
    }
  }
}

/** Length, its CRC, the event, its CRC. */
function recordOf({ parts, length }: Encoded): Uint8Array {
  const record = Buffer.alloc(length + 16)
  record.writeBigUInt64LE(BigInt(length), 0)
  record.writeUInt32LE(maskedCrc32c([record.subarray(0, 8)]), 8)
  let at = 12
  for (const part of parts) {
    record.set(part, at)
    at += part.byteLength
  }
  record.writeUInt32LE(maskedCrc32c([record.subarray(12, at)]), at)
  return record
}
