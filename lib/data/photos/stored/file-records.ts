/** Reads records from shards. Each is checked when it is first read. */
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readAll, withFile } from '../../../util/files/bytes.ts'
import { DamagedFileError, diskError, errnoOf } from '../../../util/files/errors.ts'
import { openFile } from '../../../util/files/open.ts'
import { DamagedImageError } from '../../skip-damaged.ts'
import { checkIndex } from './check-index.ts'
import { MANIFEST, type Part, type ShardFile } from './manifest.ts'
import type { Records } from './records.ts'
import {
  ENTRY_BYTES,
  HEADER_BYTES,
  parseShardHeader,
  ShardIndex,
  type StoredFormat
} from './shard.ts'

/** Largest number of shards that are open at a time, far below the limits of systems. */
const MAX_OPEN = 64

interface Shard {
  readonly path: string
  readonly index: ShardIndex
  /** Number of its first image. */
  readonly first: number
}

/**
 * Opens the shards of a part. Sizes and indices are checked now, images later.
 *
 * @throws DamagedFileError naming a shard that is missing, truncated or altered
 * @throws DiskError if one cannot be read
 */
export async function openFileRecords(
  folder: string,
  part: Part,
  format: StoredFormat
): Promise<FileRecords> {
  const shards: Shard[] = []
  let first = 0
  for (const shard of part.shards) {
    const path = join(folder, shard.file)
    const index = await readShardIndex(path, shard)
    checkIndex(index, format, path)
    shards.push({ path, index, first })
    first += shard.images
  }
  if (first !== part.images || first === 0) {
    throw new DamagedFileError(
      `[photos] ${join(folder, MANIFEST)}: expected ${part.images} images, from 1, in its shards, got` +
        ` ${first}; prepare the set again`
    )
  }
  return new FileRecords(shards, first)
}

/**
 * Reads and checks the index of a shard.
 *
 * @throws DamagedFileError if the shard is missing, truncated or altered
 * @throws DiskError if it cannot be read
 */
export async function readShardIndex(path: string, shard: ShardFile): Promise<ShardIndex> {
  const wrong = (expected: string, got: string) =>
    new DamagedFileError(
      `[photos] ${path}: expected ${expected}, got ${got}; fetch the shard again, or remove` +
        ' the folder and prepare the set again'
    )
  const read = async (file: FileHandle) => {
    const { size } = await file.stat()
    if (size !== shard.bytes) {
      const how = size < shard.bytes ? 'it was cut short' : 'something was added'
      throw wrong(`a shard of ${shard.bytes} bytes`, `${size}: ${how}`)
    }
    const head = Buffer.alloc(Math.min(HEADER_BYTES, size))
    await readAll(file, head, 0)
    const header = parseShardHeader(head, path)
    const rest = header.images * ENTRY_BYTES + header.names
    if (header.images !== shard.images || header.bytes !== size || HEADER_BYTES + rest > size) {
      throw wrong(`${shard.images} images`, `a header that says ${header.images}: it was altered`)
    }
    const index = Buffer.alloc(rest)
    await readAll(file, index, HEADER_BYTES)
    return new ShardIndex(header, index, path)
  }
  try {
    return await withFile(path, 'r', read)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw wrong(`a shard of ${shard.bytes} bytes`, 'none')
    throw diskError('photos', 'read', path, error)
  }
}

/** Place of a record. */
export interface RecordPlace {
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

/** Records that are read through file handles. */
export class FileRecords implements Records {
  readonly length: number
  readonly #shards: readonly Shard[]
  /** 1 for records whose checksum was right. */
  readonly #checked: Uint8Array
  /** Open shards, the least recently used first. */
  readonly #open = new Map<Shard, Promise<FileHandle>>()
  readonly #reading = new Map<Shard, number>()
  #closed = false

  constructor(shards: readonly Shard[], length: number) {
    this.#shards = shards
    this.length = length
    this.#checked = new Uint8Array(length)
  }

  #shardOf(i: number): Shard {
    let [low, high] = [0, this.#shards.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#shards[middle]?.first ?? 0) <= i) low = middle
      else high = middle - 1
    }
    const shard = this.#shards[low]
    if (shard && i >= 0 && i < this.length) return shard
    throw new RangeError(`[photos] expected an image from 0 to ${this.length - 1}, got ${i}`)
  }

  label(i: number): number {
    const { index, first } = this.#shardOf(i)
    return index.label(i - first)
  }

  name(i: number): string {
    const { index, first } = this.#shardOf(i)
    return index.name(i - first)
  }

  place(i: number): RecordPlace {
    const { path, index, first } = this.#shardOf(i)
    const k = i - first
    return { path, offset: index.offset(k), bytes: index.bytes(k), crc: index.crc(k) }
  }

  async bytes(i: number): Promise<Uint8Array> {
    const shard = this.#shardOf(i)
    const { index, first } = shard
    const into = new Uint8Array(index.bytes(i - first))
    await this.#using(shard, async (file) => {
      const got = await readAll(file, into, index.offset(i - first))
      const crc = got === into.length ? undefined : `${got} bytes: it was cut short`
      if (crc !== undefined) throw this.damaged(i, `expected ${into.length} bytes, got ${crc}`)
    })
    if (!this.#checked[i]) {
      const [wanted, got] = [index.crc(i - first), crc32(into)]
      if (got !== wanted) {
        throw this.damaged(i, `expected the checksum ${wanted}, got ${got}: it was altered`)
      }
      this.#checked[i] = 1
    }
    return into
  }

  /** The error of a damaged record. */
  damaged(i: number, reason: string, place = 0): DamagedImageError {
    const [file, image] = [this.place(i).path, this.name(i)]
    return new DamagedImageError(
      `[photos] ${file}, image ${i} (${image}): ${reason}; fetch the shard` +
        ' again, or remove the folder and prepare the set again',
      place,
      { image, file, reason }
    )
  }

  async #using(shard: Shard, act: (file: FileHandle) => Promise<void>): Promise<void> {
    if (this.#closed) throw new Error('[photos] expected open shards, got closed ones')
    const opened = this.#open.get(shard) ?? openFile(shard.path, 'r')
    this.#open.delete(shard)
    this.#open.set(shard, opened)
    this.#reading.set(shard, (this.#reading.get(shard) ?? 0) + 1)
    try {
      await act(await opened)
    } catch (error) {
      throw diskError('photos', 'read', shard.path, error)
    } finally {
      const left = (this.#reading.get(shard) ?? 1) - 1
      if (left > 0) this.#reading.set(shard, left)
      else this.#reading.delete(shard)
      this.#trim()
    }
  }

  /** Closes the least recently used shards. */
  #trim(): void {
    for (const [shard, opened] of this.#open) {
      if (this.#open.size <= MAX_OPEN && !this.#closed) return
      if (this.#reading.has(shard)) continue
      this.#open.delete(shard)
      opened.then((file) => file.close()).catch(() => {})
    }
  }

  close(): void {
    this.#closed = true
    this.#trim()
  }
}
