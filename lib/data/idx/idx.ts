/**
 * Reads IDX files, the format of MNIST: a magic number (0, 0, type, number of dimensions), each dimension as a
 * big-endian 32-bit number, then the values, last dimension fastest. Format: end of
 * http://yann.lecun.com/exdb/mnist/. Gzipped files are recognised by their first bytes.
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { withFile } from '../../util/files/bytes.ts'
import { DataError } from '../dataset.ts'

/** The array of bytes in an IDX file. */
export interface IdxArray {
  /** Sizes, slowest dimension first. */
  readonly dims: readonly number[]
  /** The values, row-major. */
  readonly data: Uint8Array
}

/** Options of `readIdx`. */
export interface ReadIdxOptions {
  /** Expected number of dimensions: 1 for labels, 3 for grey images. */
  readonly rank: number
  /** Aborts reading. */
  readonly signal?: AbortSignal | undefined
}

const CHUNK = 1 << 18
const UNSIGNED_BYTE = 0x08
/** Largest compression ratio of deflate; a header that promises more is wrong. */
const MAX_DEFLATE_RATIO = 1032
const MEND = 'delete the file and fetch it again'

/**
 * Reads a file of unsigned bytes, gzipped or not, and checks all of it.
 *
 * @throws DataError if the file is missing, truncated, damaged, too long, or not an IDX file of bytes with `rank`
 * dimensions
 *
 * @example
 * const { dims, data } = await readIdx('train-images-idx3-ubyte.gz', { rank: 3 })
 */
export async function readIdx(path: string, { rank, signal }: ReadIdxOptions): Promise<IdxArray> {
  const { size, gzipped } = await probe(path)
  const reader = new IdxReader(path, rank, gzipped ? size * MAX_DEFLATE_RATIO : size)
  const file = createReadStream(path, { highWaterMark: CHUNK })
  const gunzip = gzipped ? createGunzip({ chunkSize: CHUNK }) : undefined
  // Errors of both streams surface in the loop below.
  const bytes: AsyncIterable<Uint8Array> = gunzip ? pipeline(file, gunzip, () => {}) : file
  try {
    for await (const chunk of bytes) {
      signal?.throwIfAborted()
      reader.add(chunk)
    }
  } catch (error) {
    throw describe(error, path)
  } finally {
    file.destroy()
  }
  if (gunzip && gunzip.bytesWritten < size) {
    throw new DataError(
      `[idx] ${path}: expected a gzip file of ${gunzip.bytesWritten} bytes, got ${size}:` +
        ` something follows its end; ${MEND}`
    )
  }
  return reader.finish()
}

async function probe(path: string): Promise<{ size: number; gzipped: boolean }> {
  try {
    return await withFile(path, 'r', async (file) => {
      const { size } = await file.stat()
      const { buffer, bytesRead } = await file.read(new Uint8Array(2), 0, 2, 0)
      return { size, gzipped: bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b }
    })
  } catch (error) {
    throw describe(error, path)
  }
}

function describe(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof DataError || !('code' in error)) return error
  const code = String(error.code)
  if (code === 'Z_BUF_ERROR') {
    return new DataError(
      `[idx] ${path}: expected a whole gzip file, got a truncated one; ${MEND}`,
      {
        cause: error
      }
    )
  }
  if (code.startsWith('Z_')) {
    return new DataError(
      `[idx] ${path}: expected a whole gzip file, got a damaged one (${error.message}); ${MEND}`,
      { cause: error }
    )
  }
  if (code.startsWith('E') && !code.startsWith('ERR_')) {
    return new DataError(
      `[idx] ${path}: expected a file that can be read, got ${code}; check the path and its rights`,
      { cause: error }
    )
  }
  return error
}

/** Parses a file from chunks: the header first, then the values into one array. */
class IdxReader {
  readonly #path: string
  readonly #rank: number
  readonly #limit: number
  readonly #header: Uint8Array
  #dims: number[] = []
  #data: Uint8Array | undefined
  /** Bytes so far, header included. */
  #taken = 0

  constructor(path: string, rank: number, limit: number) {
    this.#path = path
    this.#rank = rank
    this.#limit = limit
    this.#header = new Uint8Array(4 + 4 * rank)
  }

  add(chunk: Uint8Array): void {
    let from = 0
    const headerSize = this.#header.length
    if (this.#taken < headerSize) {
      from = Math.min(headerSize - this.#taken, chunk.length)
      this.#header.set(chunk.subarray(0, from), this.#taken)
      this.#taken += from
      // Checked first, so that the error of a wrong file says so, even if it is shorter than a header.
      if (this.#taken >= 4) this.#checkMagic()
      if (this.#taken < headerSize) return
    }
    this.#data ??= this.#allocate()
    const rest = chunk.length - from
    const at = this.#taken - headerSize
    if (at + rest > this.#data.length) {
      throw this.#error(
        `expected ${this.#sizes()} = ${this.#data.length} bytes after the header, got more; ${MEND}`
      )
    }
    this.#data.set(chunk.subarray(from), at)
    this.#taken += rest
  }

  finish(): IdxArray {
    const headerSize = this.#header.length
    if (!this.#data) {
      throw this.#error(
        `expected a header of ${headerSize} bytes, got ${this.#taken}: the file is truncated; ${MEND}`
      )
    }
    const got = this.#taken - headerSize
    if (got < this.#data.length) {
      throw this.#error(
        `expected ${this.#sizes()} = ${this.#data.length} bytes after the header,` +
          ` got ${got}: the file is truncated; ${MEND}`
      )
    }
    return { dims: this.#dims, data: this.#data }
  }

  #checkMagic(): void {
    const magic = view(this.#header).getUint32(0)
    const expected = (UNSIGNED_BYTE << 8) | this.#rank
    if (magic === expected) return
    const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`
    throw this.#error(
      `expected the magic number ${hex(expected)} (unsigned bytes, ${this.#rank}` +
        ` ${this.#rank === 1 ? 'dimension' : 'dimensions'}), got ${hex(magic)};` +
        ' check that it is the right file'
    )
  }

  #allocate(): Uint8Array {
    const header = view(this.#header)
    this.#dims = Array.from({ length: this.#rank }, (_, i) => header.getUint32(4 + 4 * i))
    const size = this.#dims.reduce((a, b) => a * b)
    if (size === 0) throw this.#error(`expected dimensions from 1, got ${this.#sizes()}; ${MEND}`)
    if (size > this.#limit) {
      throw this.#error(
        `expected at most ${this.#limit} bytes in a file of this size,` +
          ` got a header that promises ${this.#sizes()}; ${MEND}`
      )
    }
    return new Uint8Array(size)
  }

  #sizes(): string {
    return this.#dims.join('×')
  }

  #error(text: string): DataError {
    return new DataError(`[idx] ${this.#path}: ${text}`)
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
