// Reads and writes safetensors files (https://github.com/huggingface/safetensors#format): a
// length, a JSON header, the tensors' bytes. Tensors go to and from the disk one by one.

import { type FileHandle, open } from 'node:fs/promises'
import { endianness } from 'node:os'
import { type FileDigest, readAll, writeBytes } from './bytes.ts'
import { diskError } from './errors.ts'
import {
  damaged,
  decodeHeader,
  encodeHeader,
  HEADER_LIMIT,
  type Metadata,
  type TensorData,
  type Tensors
} from './safetensors-header.ts'

export type { FileDtype, Metadata, TensorData, Tensors } from './safetensors-header.ts'

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: Tensors
  readonly metadata: Metadata
}

/**
 * Writes a new safetensors file and flushes it to the disk. The same tensors and metadata always
 * make the same bytes. The tensors must not change until it is done; a failure leaves no file.
 *
 * @param path - the file, which must not exist
 * @param tensors - by name; row-major
 * @param metadata - texts for the header
 * @returns the file's size and SHA-256
 * @throws TypeError when a name, shape, dtype or length is wrong (before a file is made)
 * @throws DiskError when the disk refuses
 *
 * @example
 * ```ts
 * const bias = { dtype: 'f32', shape: [2], data: new Uint8Array(8) } as const
 * await writeSafetensors('weights.safetensors', { 'conv1.bias': bias })
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Metadata = {}
): Promise<FileDigest> {
  needLittleEndian()
  const { header, order } = encodeHeader(path, tensors, metadata)
  return writeBytes(path, [header, ...order.map(({ data }) => data)])
}

/**
 * Reads a safetensors file and checks all that can be checked: length and form of the header,
 * that byte ranges agree with dtype, shape and file, and neither overlap nor leave gaps. Each
 * tensor's bytes have a buffer of their own, so that any typed array can view them.
 *
 * @throws DamagedFileError naming file and tensor when it is not whole
 * @throws DiskError when it cannot be read
 *
 * @example
 * ```ts
 * const { tensors } = await readSafetensors('weights.safetensors')
 * const bias = tensors['conv1.bias']
 * if (bias) console.log(new Float32Array(bias.data.buffer))
 * ```
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  needLittleEndian()
  try {
    const handle = await open(path, 'r')
    try {
      return await readFrom(handle, path)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw diskError('safetensors', 'read', path, error)
  }
}

async function readFrom(handle: FileHandle, path: string): Promise<SafetensorsFile> {
  const { size } = await handle.stat()
  const length = new Uint8Array(8)
  if ((await readAll(handle, length, 0)) < 8) damaged(path, 'at least 8 bytes', `${size}`)
  const headerBytes = new DataView(length.buffer).getBigUint64(0, true)
  if (headerBytes > BigInt(HEADER_LIMIT)) {
    damaged(path, `a header of at most ${HEADER_LIMIT} bytes`, `${headerBytes}`)
  }
  const begin = 8 + Number(headerBytes)
  if (begin > size) damaged(path, `a header of ${headerBytes} bytes`, `a file of ${size} bytes`)
  const json = new Uint8Array(begin - 8)
  if ((await readAll(handle, json, 8)) < json.byteLength) damaged(path, 'a header', 'its end')

  const { entries, metadata } = decodeHeader(path, json, size - begin)
  const tensors: [string, TensorData][] = []
  for (const { name, dtype, shape, begin: from, end } of entries) {
    const data = new Uint8Array(end - from)
    const got = await readAll(handle, data, begin + from)
    if (got < data.byteLength) {
      damaged(path, `tensor "${name}": expected ${data.byteLength} bytes`, `${got}`)
    }
    tensors.push([name, { dtype, shape, data }])
  }
  return { tensors: Object.fromEntries(tensors), metadata }
}

function needLittleEndian(): void {
  if (endianness() === 'LE') return
  throw new Error(
    '[safetensors] expected a little-endian machine, got a big-endian one; use another'
  )
}
