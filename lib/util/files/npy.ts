/**
 * Writes and reads matrices of f32 as NumPy's .npy files: a magic string, a Python dict as text, the elements.
 * Row-major and little-endian alone. Rows are written and read in blocks, so a file may be larger than memory.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import type { FileHandle } from 'node:fs/promises'
import { shown } from '../foreign.ts'
import { readAll, withFile, writeAll } from './bytes.ts'
import { needLittleEndian } from './endian.ts'
import { DamagedFileError, onDisk } from './errors.ts'
import { flushAll } from './flush.ts'
import { openFile } from './open.ts'

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)
/** Bytes that we write before the elements; NumPy asks for a multiple of 64. */
const HEADER = 128
/** No matrix has a longer header. */
const HEADER_LIMIT = 1 << 16
const ROW_BYTES = 1 << 22

/** A matrix of f32 in a file. */
export interface NpyMatrix {
  /** [rows, columns] */
  readonly shape: readonly [rows: number, columns: number]
  /** Reads all rows in blocks [n, columns]; `first` is the index of a block's first row. */
  rows(): AsyncGenerator<{ readonly first: number; readonly values: Float32Array }>
}

/**
 * Writes a matrix to a new file. The number of rows need not be known in advance.
 *
 * @param path the file; it must not exist
 * @param columns number of columns
 * @param rows blocks of rows, [n, columns] each, for any n
 * @returns the number of rows
 * @throws DiskError if the disk refuses
 *
 * @example
 * await writeNpy('features.npy', 4096, batches)
 */
export async function writeNpy(
  path: string,
  columns: number,
  rows: AsyncIterable<Float32Array>
): Promise<number> {
  needLittleEndian('npy')
  // Errors of `rows` are the caller's: only what is done here is the disk's.
  const writing = <T>(work: () => Promise<T>) => onDisk('npy', 'write', path, work)
  const handle = await writing(() => openFile(path, 'wx'))
  try {
    let count = 0
    await writing(() => writeAll(handle, header(0, columns)))
    for await (const values of rows) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      await writing(() => writeAll(handle, bytes))
      count += values.length / columns
    }
    await writing(() => handle.write(header(count, columns), 0, HEADER, 0))
    await writing(() => flushAll(handle))
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
 * Opens a matrix: reads the header, and later the rows on demand.
 *
 * @throws DamagedFileError if it is no .npy file of f32 in two dimensions, row-major, or is truncated
 * @throws DiskError if it cannot be read
 */
export async function readNpy(path: string): Promise<NpyMatrix> {
  needLittleEndian('npy')
  const [shape, begin] = await onDisk('npy', 'read', path, () =>
    withFile(path, 'r', (handle) => readHeader(handle, path))
  )
  const [rows, columns] = shape
  const step = Math.max(1, Math.floor(ROW_BYTES / (columns * 4)))
  async function* pieces() {
    const handle = await onDisk('npy', 'read', path, () => openFile(path, 'r'))
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
    damaged(path, "'<f4' in two dimensions, row-major", shown(text.trim()))
  }
  const [rows, columns] = [Number(shape[1]), Number(shape[2])]
  const bytesWanted = begin + rows * columns * 4
  if (size !== bytesWanted || columns === 0) {
    damaged(path, `${rows}×${columns} values, ${bytesWanted} bytes`, `${size} bytes`)
  }
  return [[rows, columns], begin]
}

function damaged(path: string, expected: string, got: string): never {
  throw new DamagedFileError(`[npy] ${path}: expected ${expected}, got ${got}; write it again`)
}
