/**
 * Encodes and decodes the header of a safetensors file: JSON that maps names to dtype, shape and byte range.
 * Format: https://github.com/huggingface/safetensors#format. As in the reference reader, byte ranges neither
 * overlap nor leave gaps.
 */

import { shown } from '../foreign.ts'
import { duplicateKey } from './duplicate-keys.ts'
import { DamagedFileError } from './errors.ts'
import { isObject, parseJson } from './json.ts'

const ELEMENT_BYTES: Readonly<Record<FileDtype, number>> = {
  f64: 8,
  i64: 8,
  u64: 8,
  f32: 4,
  i32: 4,
  u32: 4,
  f16: 2,
  bf16: 2,
  i16: 2,
  u16: 2,
  i8: 1,
  u8: 1,
  bool: 1
}

/** Largest header in bytes, as in the reference implementation. */
export const HEADER_LIMIT = 100_000_000

/** Dtype of a tensor in a file. The file has it in upper case: `BF16`. */
export type FileDtype =
  | 'f64'
  | 'i64'
  | 'u64'
  | 'f32'
  | 'i32'
  | 'u32'
  | 'f16'
  | 'bf16'
  | 'i16'
  | 'u16'
  | 'i8'
  | 'u8'
  | 'bool'

/** A tensor of a file: row-major, little-endian. */
export interface TensorData {
  /** Element type. */
  readonly dtype: FileDtype
  /** Sizes, outermost dimension first; `[]` is one element. */
  readonly shape: readonly number[]
  /** Elements × bytes per element. */
  readonly data: Uint8Array
}

/** Tensors by name. */
export type Tensors = Readonly<Record<string, TensorData>>

/** Texts by name, in the header. */
export type Metadata = Readonly<Record<string, string>>

/** Place of a tensor: `begin` and `end` count from the first byte after the header. */
export interface Entry {
  readonly name: string
  readonly dtype: FileDtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/**
 * Encodes the header, padded with spaces to a multiple of 8 bytes, and the order of the tensors' bytes: widest
 * elements first, so that each tensor is aligned, then by name.
 *
 * @throws TypeError for a wrong name, shape, dtype or length
 * @throws RangeError if the header would be longer than {@link HEADER_LIMIT}
 */
export function encodeHeader(
  file: string,
  tensors: Tensors,
  metadata: Metadata
): { readonly header: Uint8Array; readonly order: readonly TensorData[] } {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue
    const got = typeof value
    throw new TypeError(`[safetensors] ${file}: metadata "${key}": expected text, got ${got}`)
  }
  const sorted = Object.entries(tensors).sort(([a, x], [b, y]) => {
    const wider = (ELEMENT_BYTES[y.dtype] ?? 0) - (ELEMENT_BYTES[x.dtype] ?? 0)
    return wider === 0 ? (a < b ? -1 : 1) : wider
  })
  let end = 0
  const table = sorted.map(([name, { dtype, shape, data }]) => {
    checkTensor(file, name, { dtype, shape, data })
    const begin = end
    end += data.byteLength
    return [name, { dtype: dtype.toUpperCase(), shape, data_offsets: [begin, end] }] as const
  })
  const texts = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  const head = texts.length === 0 ? [] : [['__metadata__', Object.fromEntries(texts)] as const]
  const json = Buffer.from(JSON.stringify(Object.fromEntries([...head, ...table])))
  const bytes = Math.ceil(json.byteLength / 8) * 8
  if (bytes > HEADER_LIMIT) {
    throw new RangeError(
      `[safetensors] ${file}: expected a header of at most ${HEADER_LIMIT} bytes, got ${bytes}; ` +
        'use fewer tensors or shorter metadata'
    )
  }
  const header = new Uint8Array(8 + bytes).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(bytes), true)
  header.set(json, 8)
  return { header, order: sorted.map(([, tensor]) => tensor) }
}

function checkTensor(file: string, name: string, { dtype, shape, data }: TensorData): void {
  const where = `[safetensors] ${file}: tensor "${name}":`
  if (name === '__metadata__') {
    throw new TypeError(`${where} expected another name, got the one kept for metadata; rename it`)
  }
  if (!isDtype(dtype)) {
    throw new TypeError(`${where} expected a dtype of ${dtypes()}, got ${dtype}; convert it`)
  }
  if (!isShape(shape)) {
    throw new TypeError(`${where} expected a shape of whole numbers, got [${shape}]; correct it`)
  }
  const expected = bytesOf(dtype, shape)
  if (data.byteLength !== expected) {
    throw new TypeError(
      `${where} expected ${expected} bytes for ${dtype} [${shape}], got ${data.byteLength}; ` +
        'give data that fits the shape'
    )
  }
}

/**
 * Decodes a header.
 *
 * @param file its name, for errors
 * @param json the header without the 8 bytes of its length
 * @param dataBytes number of bytes after the header
 * @returns the entries in the order of their bytes, and the metadata
 * @throws DamagedFileError if it is not a header, or does not fit the file's length
 */
export function decodeHeader(
  file: string,
  json: Uint8Array,
  dataBytes: number
): { readonly entries: readonly Entry[]; readonly metadata: Metadata } {
  const header = parse(file, json)
  const table = Object.entries(header).filter(([name]) => name !== '__metadata__')
  const entries = table
    .map(([name, value]) => decodeEntry(file, name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const entry of entries) {
    if (entry.begin !== end) {
      const fault = entry.begin < end ? 'bytes of another tensor' : 'a gap before it'
      damaged(
        file,
        `tensor "${entry.name}": expected data from byte ${end}`,
        `${fault} (it begins at ${entry.begin})`
      )
    }
    end = entry.end
    if (end > dataBytes) {
      damaged(
        file,
        `tensor "${entry.name}": expected data up to byte ${end}`,
        `a file that ends at ${dataBytes}`
      )
    }
  }
  if (end !== dataBytes) {
    damaged(file, `${end} bytes of data`, `${dataBytes - end} bytes more after the last tensor`)
  }
  return { entries, metadata: decodeMetadata(file, header) }
}

function parse(file: string, json: Uint8Array): Readonly<Record<string, unknown>> {
  let header: unknown
  let twice: string | undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(json)
    header = parseJson(text)
    twice = duplicateKey(text)
  } catch (error) {
    damaged(file, 'a JSON header', error instanceof Error ? error.message : String(error))
  }
  if (!isObject(header)) damaged(file, 'a header that is a JSON object', typeof header)
  if (twice !== undefined) damaged(file, 'names that differ', `"${twice}" twice`)
  return header
}

function decodeMetadata(file: string, header: Readonly<Record<string, unknown>>): Metadata {
  const value = Object.hasOwn(header, '__metadata__') ? header.__metadata__ : {}
  if (!isObject(value)) damaged(file, 'metadata that is an object', typeof value)
  return Object.fromEntries(
    Object.entries(value).map(([key, text]): [string, string] => {
      if (typeof text !== 'string') damaged(file, `metadata "${key}" that is text`, typeof text)
      return [key, text]
    })
  )
}

function decodeEntry(file: string, name: string, value: unknown): Entry {
  const where = `tensor "${name}": expected`
  if (!isObject(value)) damaged(file, `${where} dtype, shape and data_offsets`, typeof value)
  const { dtype: label, shape, data_offsets: offsets } = value
  const dtype =
    typeof label === 'string' && label === label.toUpperCase() ? label.toLowerCase() : ''
  if (!isDtype(dtype)) {
    damaged(file, `${where} a dtype of ${dtypes().toUpperCase()}`, shown(label))
  }
  if (!isShape(shape)) damaged(file, `${where} a shape of whole numbers`, shown(shape))
  if (!isShape(offsets)) damaged(file, `${where} data_offsets [begin, end]`, shown(offsets))
  const [begin, end] = offsets
  if (offsets.length !== 2 || begin === undefined || end === undefined || end < begin) {
    damaged(file, `${where} data_offsets [begin, end]`, shown(offsets))
  }
  const bytes = bytesOf(dtype, shape)
  if (end - begin !== bytes) {
    damaged(file, `${where} ${bytes} bytes for ${dtype} [${shape}]`, `${end - begin}`)
  }
  return { name, dtype, shape, begin, end }
}

/** Throws the error of a damaged file, in one form. */
export function damaged(file: string, expected: string, got: string): never {
  const lead = expected.includes('expected ') ? '' : 'expected '
  throw new DamagedFileError(
    `[safetensors] ${file}: ${lead}${expected}, got ${got}; ` +
      'the file is damaged or not safetensors: use another copy'
  )
}

function bytesOf(dtype: FileDtype, shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, ELEMENT_BYTES[dtype])
}

function isDtype(name: string): name is FileDtype {
  return Object.hasOwn(ELEMENT_BYTES, name)
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function dtypes(): string {
  return Object.keys(ELEMENT_BYTES).join(', ')
}
