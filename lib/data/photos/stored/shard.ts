/**
 * The format of a shard, a file of labelled images. Numbers are little-endian; n is the number of images. The first
 * 512 bytes are text, so that `head` shows what a shard is.
 *
 *     0        "alexnode shard 1\n", a line of JSON (`ShardHeader`), blanks up to byte 512
 *     512      index: n entries of 32 bytes
 *                0  u64  offset of the image's bytes in the file, a multiple of 64
 *                8  u32  number of these bytes
 *               12  i32  label
 *               16  u32  CRC-32 of the bytes
 *               20  u32  end of its name in the names
 *               24  8 bytes: the first of the SHA-256 of the source's file
 *     …        names, UTF-8, concatenated
 *     payload  a multiple of 4096: the images, each at a multiple of 64
 *
 * An image is raw bytes [row, column, channel], or a JPEG file. Each image can be read alone: offsets are fixed,
 * and each image begins at a cache line.
 */
import { crc32 } from 'node:zlib'
import { DamagedFileError } from '../../../util/files/errors.ts'
import { isObject } from '../../../util/files/json.ts'
import type { ImageShape } from '../../dataset.ts'

const MAGIC = 'alexnode shard 1\n'
/** Bytes of the header. */
export const HEADER_BYTES = 512
/** Bytes of an entry of the index. */
export const ENTRY_BYTES = 32
/** Bytes of a key. */
export const KEY_BYTES = 8
const LINE = 64
const PAGE = 4096

/** How a shard stores images: raw bytes [row, column, channel], or JPEG files. */
export type Form = 'raw' | 'jpeg'

/** How the images of a part are stored, and their size. */
export interface ImageFormat extends ImageShape {
  /** How they are stored. */
  readonly form: Form
}

/** How the images of a set are stored, and the classes of their labels. */
export interface StoredFormat extends ImageFormat {
  /** Class names by label. */
  readonly classes: readonly string[]
}

/** The header of a shard. */
export interface ShardHeader extends ImageFormat {
  /** Number of images. */
  readonly images: number
  /** Bytes of the names. */
  readonly names: number
  /** Offset of the first image. */
  readonly payload: number
  /** Bytes of the whole file. */
  readonly bytes: number
  /** CRC-32 of index and names. */
  readonly check: number
}

/** An image to write to a shard. */
export interface ShardImage {
  readonly bytes: Uint8Array
  readonly label: number
  readonly name: string
  /** The first 8 bytes of the SHA-256 of the source's file. */
  readonly key: Uint8Array
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step

/** Bytes that an image takes in the payload. */
export const imageSpace = (bytes: number) => roundUp(bytes, LINE)

/** The parts of a shard's file, in order. */
export function shardParts(images: readonly ShardImage[], format: ImageFormat): Uint8Array[] {
  const names = Buffer.from(images.map(({ name }) => name).join(''))
  const index = Buffer.alloc(images.length * ENTRY_BYTES)
  const payload = roundUp(HEADER_BYTES + index.length + names.length, PAGE)
  const body: Uint8Array[] = []
  let at = payload
  let nameEnd = 0
  for (const [i, { bytes, label, name, key }] of images.entries()) {
    const entry = i * ENTRY_BYTES
    nameEnd += Buffer.byteLength(name)
    index.writeBigUInt64LE(BigInt(at), entry)
    index.writeUInt32LE(bytes.length, entry + 8)
    index.writeInt32LE(label, entry + 12)
    index.writeUInt32LE(crc32(bytes), entry + 16)
    index.writeUInt32LE(nameEnd, entry + 20)
    index.set(key.subarray(0, KEY_BYTES), entry + 24)
    body.push(bytes, new Uint8Array(imageSpace(bytes.length) - bytes.length))
    at += imageSpace(bytes.length)
  }
  const header: ShardHeader = {
    images: images.length,
    ...format,
    names: names.length,
    payload,
    bytes: at,
    check: crc32(names, crc32(index))
  }
  const head = Buffer.alloc(HEADER_BYTES, ' ')
  head.write(`${MAGIC}${JSON.stringify(header)}\n`)
  const gap = new Uint8Array(payload - HEADER_BYTES - index.length - names.length)
  return [head, index, names, gap, ...body]
}

/**
 * Parses a shard's header.
 *
 * @throws DamagedFileError if it is not one
 */
export function parseShardHeader(head: Buffer, name: string): ShardHeader {
  const text = head.toString('utf8')
  const line = text.slice(MAGIC.length, text.indexOf('\n', MAGIC.length))
  if (text.startsWith(MAGIC)) {
    const header = headerOf(line)
    if (header) return header
  }
  throw new DamagedFileError(
    `[photos] ${name}: expected a shard, which begins with '${MAGIC.trim()}' and its sizes, got other` +
      ' bytes: it was altered; prepare the set again'
  )
}

function headerOf(line: string): ShardHeader | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return
  }
  if (!isObject(value)) return
  const form = value.form === 'raw' || value.form === 'jpeg' ? value.form : undefined
  if (!form) return
  const number = (key: string) => {
    const found = value[key]
    return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0
      ? found
      : Number.NaN
  }
  const header: ShardHeader = {
    images: number('images'),
    form,
    height: number('height'),
    width: number('width'),
    channels: number('channels'),
    names: number('names'),
    payload: number('payload'),
    bytes: number('bytes'),
    check: number('check')
  }
  return Object.values(header).some((value) => Number.isNaN(value)) ? undefined : header
}

/** The index and names of a shard. */
export class ShardIndex {
  readonly length: number
  readonly header: ShardHeader
  readonly #bytes: Buffer
  readonly #names: Buffer

  /**
   * @param bytes index and names, from the end of the header on
   * @throws DamagedFileError if their checksum is not the header's
   */
  constructor(header: ShardHeader, bytes: Buffer, name: string) {
    this.length = header.images
    this.header = header
    this.#bytes = bytes.subarray(0, header.images * ENTRY_BYTES)
    this.#names = bytes.subarray(this.#bytes.length, this.#bytes.length + header.names)
    if (crc32(bytes) === header.check) return
    throw new DamagedFileError(
      `[photos] ${name}: expected an index with the checksum ${header.check}, got ${crc32(bytes)}:` +
        ' the shard was altered; prepare the set again'
    )
  }

  offset(i: number): number {
    return Number(this.#bytes.readBigUInt64LE(i * ENTRY_BYTES))
  }

  bytes(i: number): number {
    return this.#bytes.readUInt32LE(i * ENTRY_BYTES + 8)
  }

  label(i: number): number {
    return this.#bytes.readInt32LE(i * ENTRY_BYTES + 12)
  }

  crc(i: number): number {
    return this.#bytes.readUInt32LE(i * ENTRY_BYTES + 16)
  }

  name(i: number): string {
    return this.#names.toString('utf8', this.nameEnd(i - 1), this.nameEnd(i))
  }

  /** Where the name of image i ends in the names; 0 before the first. */
  nameEnd(i: number): number {
    return i < 0 ? 0 : this.#bytes.readUInt32LE(i * ENTRY_BYTES + 20)
  }

  key(i: number): Uint8Array {
    return this.#bytes.subarray(i * ENTRY_BYTES + 24, (i + 1) * ENTRY_BYTES)
  }
}
