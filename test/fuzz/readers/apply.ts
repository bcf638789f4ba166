/** Applies mutations to the files of a reader. */
import type { Edit, Mutation } from './edits.ts'
import { editJson } from './json-edits.ts'
import type { Files, Part, Reader } from './reader.ts'
import { editText } from './text-edits.ts'

/** Whole numbers at which sizes, signs and formats change. */
const NUMBERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 4n, 7n, 8n, 63n, 64n, 127n, 128n, 255n, 256n, 511n, 512n, 513n, 4095n, 4096n],
  ...[32767n, 32768n, 65535n, 65536n, 1n << 24n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n],
  ...[1n << 32n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n]
]
const WIDTHS = [1, 2, 4, 8] as const

/** Writes one of the numbers at a multiple of its width. */
function writeNumber(bytes: Buffer, { op, at, value, size }: Edit): Uint8Array {
  const width = WIDTHS[size % WIDTHS.length] ?? 1
  if (bytes.length < width) return bytes
  const out = Buffer.from(bytes)
  const step = value % 3 === 0 ? 1 : width
  const from = (at * step) % (bytes.length - width + 1)
  const number = Buffer.alloc(8)
  number.writeBigUInt64LE(NUMBERS[value % NUMBERS.length] ?? 0n)
  const narrow = number.subarray(0, width)
  out.set(op % 2 === 0 ? narrow : Buffer.from(narrow).reverse(), from)
  return out
}

const byteEdits: readonly ((bytes: Buffer, edit: Edit) => Uint8Array)[] = [
  (bytes, { at, value }) => {
    const out = Buffer.from(bytes)
    if (out.length > 0) out[at % out.length] = value
    return out
  },
  (bytes, { at, value }) => {
    const out = Buffer.from(bytes)
    const place = at % Math.max(1, out.length)
    if (out.length > 0) out[place] = (out[place] ?? 0) ^ (1 << (value % 8))
    return out
  },
  writeNumber,
  writeNumber,
  (bytes, { at }) => bytes.subarray(0, at % (bytes.length + 1)),
  (bytes, { at, size }) => {
    const from = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + size)])
  },
  (bytes, { at, size }) => {
    const from = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, from + size), bytes.subarray(from)])
  },
  (bytes, { at, size, value }) => {
    const from = at % (bytes.length + 1)
    const more = Buffer.alloc(size, value)
    return Buffer.concat([bytes.subarray(0, from), more, bytes.subarray(from)])
  }
]

/** Mutations of a whole file: it is missing, empty, or another one's. */
function editFile(files: Files, file: string, { op, value }: Edit): void {
  if (op % 3 === 0) files.delete(file)
  else if (op % 3 === 1) files.set(file, new Uint8Array())
  else files.set(file, [...files.values()][value % files.size] ?? new Uint8Array())
}

function editPart(bytes: Buffer, kind: Part['kind'], edit: Edit): Uint8Array {
  // Text and JSON are broken as bytes, too.
  if (kind === 'json' && edit.op % 8 !== 0) return editJson(bytes, edit)
  if (kind === 'text' && edit.op % 4 !== 0) return editText(bytes, edit)
  const op = kind === 'bytes' ? edit.op : edit.op >> 3
  return (byteEdits[op % byteEdits.length] ?? writeNumber)(bytes, edit)
}

function apply(files: Files, parts: readonly Part[], edit: Edit): void {
  const part = parts[edit.part % parts.length]
  const file = part && files.get(part.file)
  if (!part || !file) return
  if (edit.op === 63) {
    editFile(files, part.file, { ...edit, op: edit.size })
    return
  }
  const whole = Buffer.from(file)
  const bytes = part.get ? part.get(whole) : whole
  if (!bytes) return
  const edited = editPart(Buffer.from(bytes), part.kind, edit)
  files.set(part.file, part.put ? part.put(whole, edited) : edited)
}

/** The files of a reader after a mutation. */
export function mutated(reader: Reader, seed: Files, { edits, repaired }: Mutation): Files {
  const files = new Map(seed)
  for (const edit of edits) apply(files, reader.parts, edit)
  if (repaired) reader.repair?.(files)
  return files
}
