/** Makes small IDX files for tests. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** The bytes of an IDX file of unsigned bytes. */
export function idx(dims: readonly number[], values: Iterable<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header[2] = 0x08
  header[3] = dims.length
  for (const [i, size] of dims.entries()) header.writeUInt32BE(size, 4 + 4 * i)
  return Buffer.concat([header, Uint8Array.from(values)])
}

/** `count` values 0, 1, 2, … modulo `below`. */
export function counting(count: number, below = 256): number[] {
  return Array.from({ length: count }, (_, i) => i % below)
}

/** What the four files of a small data set hold: 12 + 5 images of 4×3. */
export function smallSet(): Record<string, Buffer> {
  return {
    'train-images-idx3-ubyte': idx([12, 4, 3], counting(144)),
    'train-labels-idx1-ubyte': idx([12], counting(12, 10)),
    't10k-images-idx3-ubyte': idx([5, 4, 3], counting(60)),
    't10k-labels-idx1-ubyte': idx([5], [9, 8, 7, 6, 5])
  }
}

/** Writes files into a folder, which it makes; gzipped and named so if asked. Returns the folder. */
export async function writeSet(
  folder: string,
  files: Readonly<Record<string, Buffer>> = smallSet(),
  { gzip = false } = {}
): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) {
    if (gzip) await writeFile(join(folder, `${name}.gz`), gzipSync(bytes))
    else await writeFile(join(folder, name), bytes)
  }
  return folder
}

/** Writes 24 + 6 images of 28×28 in ten classes: a test of thousands would take longer than all else. */
export function writeSmallSet(folder: string) {
  return writeSet(folder, {
    'train-images-idx3-ubyte': idx([24, 28, 28], counting(24 * 784, 251)),
    'train-labels-idx1-ubyte': idx([24], counting(24, 10)),
    't10k-images-idx3-ubyte': idx([6, 28, 28], counting(6 * 784, 241)),
    't10k-labels-idx1-ubyte': idx([6], counting(6, 10))
  })
}
