/** Loads records from shards by native threads. */
import type { Buffer } from '../../../engine/memory.ts'
import { LoadError } from '../../../native/errors.ts'
import type { DamagedImageError } from '../../skip-damaged.ts'
import { type FileRecords, openFileRecords } from './file-records.ts'
import { Loader, StoredFile } from './loader.ts'
import type { Part } from './manifest.ts'
import type { Records } from './records.ts'
import type { ImageFormat, StoredFormat } from './shard.ts'

/** Numbers that describe a record to the loader. */
const NUMBERS = 4

/**
 * Opens the shards of a part. Sizes and indices are checked now, each image when it is first read.
 *
 * @param threads number of threads that read and decode. Default: ALEXNODE_THREADS, or one a processor
 * @throws DamagedFileError naming a shard that is missing, truncated or altered
 * @throws DiskError if one cannot be read
 */
export async function openNativeRecords(
  folder: string,
  part: Part,
  format: StoredFormat,
  threads?: number
): Promise<Records> {
  return new NativeRecords(await openFileRecords(folder, part, format), format, threads)
}

class NativeRecords implements Records {
  readonly length: number
  readonly #files: FileRecords
  readonly #format: ImageFormat
  readonly #loader: Loader
  readonly #opened = new Map<string, StoredFile>()
  /** 1 for records whose checksum was right. */
  readonly #checked: Uint8Array
  #records = new Float64Array()

  constructor(files: FileRecords, format: ImageFormat, threads: number | undefined) {
    this.length = files.length
    this.#files = files
    this.#format = format
    this.#loader = new Loader(threads)
    this.#checked = new Uint8Array(files.length)
  }

  label(i: number): number {
    return this.#files.label(i)
  }

  name(i: number): string {
    return this.#files.name(i)
  }

  bytes(i: number): Promise<Uint8Array> {
    return this.#files.bytes(i)
  }

  damaged(i: number, reason: string, place?: number): DamagedImageError {
    return this.#files.damaged(i, reason, place)
  }

  async load(indices: Uint32Array, to: Buffer, offset: number): Promise<void> {
    const needed = indices.length * NUMBERS
    if (this.#records.length < needed) this.#records = new Float64Array(needed)
    const records = this.#records.subarray(0, needed)
    for (const [k, i] of indices.entries()) {
      const place = this.#files.place(i)
      const crc = this.#checked[i] ? -1 : place.crc
      records.set([this.#open(place.path).id, place.offset, place.bytes, crc], k * NUMBERS)
    }
    try {
      // The loader copies `records` before it returns, so the next call may overwrite them.
      await this.#loader.load(records, this.#format, to, offset)
    } catch (error) {
      if (!(error instanceof LoadError)) throw error
      throw this.#files.damaged(indices[error.place] ?? 0, error.message, error.place)
    }
    for (const i of indices) this.#checked[i] = 1
  }

  #open(path: string): StoredFile {
    const known = this.#opened.get(path)
    if (known) return known
    const file = new StoredFile(path)
    this.#opened.set(path, file)
    return file
  }

  close(): void {
    this.#loader.close()
    for (const file of this.#opened.values()) file.close()
    this.#opened.clear()
    this.#files.close()
  }
}
