// Writes and reads NumPy's .npy files: a magic string, a header that is the text of a Python dict, the
// elements. Source of the format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
// Matrices of f32, row-major, little-endian, are all that is needed here; rows go to and from the disk a
// few at a time, so that a file may be larger than memory.

import { type FileHandle, open } from 'node:fs/promises'
import { endianness } from 'node:os'
import { readAll, writeAll } from './bytes.ts'
import { DamagedFileError, diskError } from './errors.ts'
import { flushAll } from './flush.ts'

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)
/** Bytes of what we write before the elements; NumPy wants a multiple of 64. */
const HEADER = 128
/** A header of more is not a matrix's. */
const HEADER_LIMIT = 1 << 16
const ROW_BYTES = 1 << 22

/** A matrix of f32 in a file. */
export interface NpyMatrix {
  /** [rows, columns] */
  readonly shape: readonly [rows: number, columns: number]
  /** Rows a few at a time, from the first on; as often as wanted. */
  rows(): AsyncGenerator<{ readonly first: number; readonly values: Float32Array }>
}

/**
 * Writes a matrix to a new file, row by row: how many rows there are need not be known before.
 *
 * @param path - the file, which must not exist
 * @param columns - of every row
 * @param rows - [n, columns] each, for any n
 * @returns how many rows were written
 * @throws DiskError when the disk refuses
 *
 * @example
 * await writeNpy('features.npy', 4096, batches)
 */
export async function writeNpy(
  path: string,
  columns: number,
  rows: AsyncIterable<Float32Array>
): Promise<number> {
  needLittleEndian()
  const handle = await open(path, 'wx').catch((error: unknown) => {
    throw diskError('npy', 'write', path, error)
  })
  const orDisk = async <T>(work: Promise<T>): Promise<T> => {
    return work.catch((error: unknown) => {
      throw diskError('npy', 'write', path, error)
    })
  }
  try {
    let count = 0
    await orDisk(writeAll(handle, header(0, columns)))
    for await (const values of rows) {
      await orDisk(
        writeAll(handle, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      )
      count += values.length / columns
    }
    await orDisk(handle.write(header(count, columns), 0, HEADER, 0))
    await orDisk(flushAll(handle))
    return count
  } finally {
    await handle.close()
  }
}

function header(rows: number, columns: number): Uint8Array {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const text = `${dict.padEnd(HEADER - 11)}\n`
  const bytes = new Uint8Array(HEADER)
  bytes.set(MAGIC)
  bytes.set([1, 0], 6)
  new DataView(bytes.buffer).setUint16(8, text.length, true)
  bytes.set(new TextEncoder().encode(text), 10)
  return bytes
}

/**
 * Looks at a file that holds a matrix; its rows are read when they are asked for.
 *
 * @throws DamagedFileError when it is no .npy file of f32 in two dimensions, row-major, or not whole
 * @throws DiskError when it cannot be read
 */
export async function readNpy(path: string): Promise<NpyMatrix> {
  needLittleEndian()
  const [shape, begin] = await opened(path, (handle) => readHeader(handle, path))
  const [rows, columns] = shape
  const step = Math.max(1, Math.floor(ROW_BYTES / (columns * 4)))
  async function* pieces() {
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw diskError('npy', 'read', path, error)
    })
    try {
      for (let first = 0; first < rows; first += step) {
        const values = new Float32Array(Math.min(step, rows - first) * columns)
        const bytes = new Uint8Array(values.buffer)
        const got = await readAll(handle, bytes, begin + first * columns * 4)
        if (got < bytes.length) damaged(path, `${rows} rows`, 'an early end')
        yield { first, values }
      }
    } finally {
      await handle.close()
    }
  }
  return { shape, rows: pieces }
}

async function readHeader(
  handle: FileHandle,
  path: string
): Promise<[shape: [number, number], begin: number]> {
  const { size } = await handle.stat()
  const start = new Uint8Array(12)
  const got = await readAll(handle, start, 0)
  if (got < 12 || MAGIC.some((byte, i) => start[i] !== byte)) {
    damaged(path, 'a .npy file', 'something else')
  }
  const view = new DataView(start.buffer)
  const one = start[6] === 1
  const length = one ? view.getUint16(8, true) : view.getUint32(8, true)
  const begin = (one ? 10 : 12) + length
  if (length > HEADER_LIMIT || begin > size) damaged(path, 'a whole header', 'a cut one')
  const bytes = new Uint8Array(length)
  await readAll(handle, bytes, begin - length)
  const text = new TextDecoder('latin1').decode(bytes)
  const shape = /'shape': \((\d+), (\d+)\)/.exec(text)
  if (!shape || !text.includes("'descr': '<f4'") || !text.includes("'fortran_order': False")) {
    damaged(path, "'<f4' in two dimensions, row-major", text.trim())
  }
  const [rows, columns] = [Number(shape[1]), Number(shape[2])]
  const bytesWanted = begin + rows * columns * 4
  if (size !== bytesWanted || columns === 0) {
    damaged(path, `${rows}×${columns} values, ${bytesWanted} bytes`, `${size} bytes`)
  }
  return [[rows, columns], begin]
}

async function opened<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    const handle = await open(path, 'r')
    try {
      return await work(handle)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof DamagedFileError) throw error
    throw diskError('npy', 'read', path, error)
  }
}

function damaged(path: string, expected: string, got: string): never {
  throw new DamagedFileError(`[npy] ${path}: expected ${expected}, got ${got}; write it again`)
}

function needLittleEndian(): void {
  if (endianness() === 'LE') return
  throw new Error('[npy] expected a little-endian machine, got a big-endian one; use another')
}
