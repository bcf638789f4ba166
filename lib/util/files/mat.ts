/**
 * Reads MATLAB's files of version 5: numbers, texts, cells and structures. Format: MathWorks, "MAT-File Format", level
 * 5. Little-endian files alone; elements may be compressed by zlib.
 */
import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { DamagedFileError } from './errors.ts'

/** A value: numbers, a text, cells, or the elements of a structure array. */
export type MatValue = readonly number[] | string | readonly MatValue[] | readonly MatStruct[]

/** An element of a structure array. */
export type MatStruct = { readonly [field: string]: MatValue }

const HEADER = 128
/** Types of elements. */
const COMPRESSED = 15
const MATRIX = 14
/** Classes of arrays. */
const CELL = 1
const STRUCT = 2
const CHAR = 4
/** Larger elements are taken for damage. */
const MAX_BYTES = 256 * 2 ** 20
const MAX_DEPTH = 16

const unzip = promisify(inflate)

interface Element {
  readonly type: number
  readonly bytes: Buffer
  /** Offset of the next one. */
  readonly end: number
}

/**
 * Reads the variables of a file.
 *
 * @param name names the file in errors
 * @throws DamagedFileError if it is no such file, or damaged
 */
export async function readMat(bytes: Buffer, name: string): Promise<ReadonlyMap<string, MatValue>> {
  if (bytes.length < HEADER || bytes.toString('latin1', 126, 128) !== 'IM') {
    fail(name, 'a MATLAB file of version 5, little-endian')
  }
  const found = new Map<string, MatValue>()
  for (let at = HEADER; at + 8 <= bytes.length; ) {
    let element = elementAt(bytes, at, name, false)
    at = element.end
    if (element.type === COMPRESSED) {
      const inner = await unzip(element.bytes, { maxOutputLength: MAX_BYTES }).catch(() =>
        fail(name, 'a whole compressed element')
      )
      element = elementAt(inner, 0, name)
    }
    if (element.type !== MATRIX) continue
    const { key, value } = matrix(element.bytes, name, 0)
    found.set(key, value)
  }
  return found
}

/** @param padded true inside of matrices, where elements begin at multiples of 8 */
function elementAt(bytes: Buffer, at: number, name: string, padded = true): Element {
  if (at + 8 > bytes.length) fail(name, 'another element')
  const word = bytes.readUInt32LE(at)
  const small = word >>> 16
  // Up to four bytes are packed beside their type.
  if (small !== 0) {
    if (small > 4) fail(name, 'a small element')
    return { type: word & 0xffff, bytes: bytes.subarray(at + 4, at + 4 + small), end: at + 8 }
  }
  const size = bytes.readUInt32LE(at + 4)
  const end = at + 8 + size
  if (end > bytes.length) fail(name, 'a whole element')
  return {
    type: word,
    bytes: bytes.subarray(at + 8, end),
    end: padded ? at + 8 + Math.ceil(size / 8) * 8 : end
  }
}

function matrix(bytes: Buffer, name: string, depth: number): { key: string; value: MatValue } {
  // An empty array may have no parts at all.
  if (bytes.length === 0) return { key: '', value: [] }
  if (depth > MAX_DEPTH) fail(name, `arrays of at most ${MAX_DEPTH} levels`)
  let at = 0
  const next = () => {
    const element = elementAt(bytes, at, name)
    at = element.end
    return element
  }
  const flags = next().bytes
  const kind = flags[0] ?? 0
  const count = numbers(next()).reduce((product, size) => product * size, 1)
  const key = next().bytes.toString('latin1')
  const inner = () => matrix(next().bytes, name, depth + 1).value
  // Each element takes eight bytes at least.
  const all = <One>(make: () => One): One[] => {
    if (!(count * 8 <= bytes.length)) fail(name, `${count} elements`)
    return Array.from({ length: count }, make)
  }
  if (kind === CELL) return { key, value: all(inner) }
  if (kind === STRUCT) {
    const [width = 0] = numbers(next())
    const text = next().bytes.toString('latin1')
    const fields = Array.from({ length: width > 0 ? Math.floor(text.length / width) : 0 }, (_, i) =>
      text.slice(i * width, (i + 1) * width).replace(/\0.*$/s, '')
    )
    return { key, value: all(() => Object.fromEntries(fields.map((field) => [field, inner()]))) }
  }
  const data = next()
  return { key, value: kind === CHAR ? textOf(data) : numbers(data) }
}

/** Readers of numbers by their type: bytes of each, and how one is read. */
const readers: Readonly<Record<number, readonly [number, (bytes: Buffer, at: number) => number]>> =
  {
    1: [1, (bytes, at) => bytes.readInt8(at)],
    2: [1, (bytes, at) => bytes.readUInt8(at)],
    3: [2, (bytes, at) => bytes.readInt16LE(at)],
    4: [2, (bytes, at) => bytes.readUInt16LE(at)],
    5: [4, (bytes, at) => bytes.readInt32LE(at)],
    6: [4, (bytes, at) => bytes.readUInt32LE(at)],
    7: [4, (bytes, at) => bytes.readFloatLE(at)],
    9: [8, (bytes, at) => bytes.readDoubleLE(at)],
    12: [8, (bytes, at) => Number(bytes.readBigInt64LE(at))],
    13: [8, (bytes, at) => Number(bytes.readBigUInt64LE(at))]
  }

function numbers({ type, bytes }: Element): number[] {
  const [size, read] = readers[type] ?? [1, () => Number.NaN]
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => read(bytes, i * size))
}

function textOf({ type, bytes }: Element): string {
  if (type === 16) return bytes.toString('utf8')
  return type === 4 || type === 17 ? bytes.toString('utf16le') : bytes.toString('latin1')
}

function fail(name: string, expected: string): never {
  throw new DamagedFileError(
    `[mat] ${name}: expected ${expected}, got other bytes; it is damaged, or another kind of file: fetch it again`
  )
}
