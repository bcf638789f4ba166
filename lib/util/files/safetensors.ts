/**
 * Reads and writes safetensors files (https://github.com/huggingface/safetensors#format): a length, a JSON
 * header, the tensors' bytes.
 */

import type { FileHandle } from 'node:fs/promises'
import { checkArguments } from '../check/check.ts'
import { plain, text } from '../check/rules.ts'
import { type FileDigest, readAll, withFile, writeBytes } from './bytes.ts'
import { needLittleEndian } from './endian.ts'
import { onDisk } from './errors.ts'
import {
  damaged,
  decodeHeader,
  type Entry,
  encodeHeader,
  HEADER_LIMIT,
  type Metadata,
  type TensorData,
  type Tensors
} from './safetensors-header.ts'

export type { FileDtype, Metadata, TensorData, Tensors } from './safetensors-header.ts'

/** The content of a safetensors file. */
export interface SafetensorsFile {
  /** Tensors by name. */
  readonly tensors: Tensors
  /** Texts by name. */
  readonly metadata: Metadata
}

/**
 * Writes a new safetensors file and flushes it to the disk. Equal tensors and metadata give equal bytes. A failure
 * leaves no file.
 *
 * @param path the file; it must not exist
 * @param tensors by name, row-major; they must not change until the file is written
 * @param metadata texts for the header. Default: none
 * @returns the file's size and SHA-256
 * @throws TypeError for a wrong name, shape, dtype or length; no file is made then
 * @throws DiskError if the disk refuses
 *
 * @example
 * const bias = { dtype: 'f32', shape: [2], data: new Uint8Array(8) } as const
 * await writeSafetensors('weights.safetensors', { 'conv1.bias': bias })
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Metadata = {}
): Promise<FileDigest> {
  checkArguments('safetensors', {
    path: [path, text],
    tensors: [tensors, plain],
    metadata: [metadata, plain]
  })
  needLittleEndian('safetensors')
  const { header, order } = encodeHeader(path, tensors, metadata)
  return writeBytes(path, [header, ...order.map(({ data }) => data)])
}

/**
 * Reads a safetensors file. Checks the header, and that byte ranges fit dtype, shape and file without overlap or
 * gap. Each tensor has an ArrayBuffer of its own.
 *
 * @throws DamagedFileError naming the file and tensor that are damaged
 * @throws DiskError if it cannot be read
 *
 * @example
 * const { tensors } = await readSafetensors('weights.safetensors')
 * const bias = tensors['conv1.bias']
 * if (bias) console.log(new Float32Array(bias.data.buffer))
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  checkArguments('safetensors', { path: [path, text] })
  needLittleEndian('safetensors')
  return onDisk('safetensors', 'read', path, () =>
    withFile(path, 'r', (handle) => readFrom(handle, path))
  )
}

async function readFrom(handle: FileHandle, path: string): Promise<SafetensorsFile> {
  const { entries, metadata, begin } = await headerOf(handle, path)
  const tensors: [string, TensorData][] = []
  for (const entry of entries) {
    const { name, dtype, shape } = entry
    tensors.push([name, { dtype, shape, data: await bytesOf(handle, path, begin, entry) }])
  }
  return { tensors: Object.fromEntries(tensors), metadata }
}

/** What a file's header says: its tensors, and the first byte after it. */
interface Header {
  readonly entries: readonly Entry[]
  readonly metadata: Metadata
  readonly begin: number
}

async function headerOf(handle: FileHandle, path: string): Promise<Header> {
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
  return { ...decodeHeader(path, json, size - begin), begin }
}

async function bytesOf(
  handle: FileHandle,
  path: string,
  begin: number,
  { name, begin: from, end }: Entry
): Promise<Uint8Array> {
  const data = new Uint8Array(end - from)
  const got = await readAll(handle, data, begin + from)
  if (got < data.byteLength) {
    damaged(path, `tensor "${name}": expected ${data.byteLength} bytes`, `${got}`)
  }
  return data
}

/** A tensor whose bytes are read when they are asked for. */
export interface ListedTensor extends Pick<TensorData, 'dtype' | 'shape'> {
  readonly name: string
  /** Reads its bytes, into an ArrayBuffer of their own. */
  read(): Promise<Uint8Array>
}

/**
 * Lists the tensors of a safetensors file, and reads one at a time: a file may be larger than memory.
 *
 * @throws DamagedFileError naming the file and tensor that are damaged
 * @throws DiskError if it cannot be read
 */
export async function listSafetensors(
  path: string
): Promise<{ readonly tensors: readonly ListedTensor[]; readonly metadata: Metadata }> {
  needLittleEndian('safetensors')
  const opened = <Result>(work: (handle: FileHandle) => Promise<Result>) =>
    onDisk('safetensors', 'read', path, () => withFile(path, 'r', work))
  const { entries, metadata, begin } = await opened((handle) => headerOf(handle, path))
  const tensors = entries.map((entry) => {
    const { name, dtype, shape } = entry
    return { name, dtype, shape, read: () => opened((h) => bytesOf(h, path, begin, entry)) }
  })
  return { tensors, metadata }
}
