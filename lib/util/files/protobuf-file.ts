/**
 * The lower half of `readProtobuf`: walks the fields of a message in a file, through a window of its bytes. Tags and
 * varints are read by @bufbuild/protobuf's reader of the wire format.
 */
import type { FileHandle } from 'node:fs/promises'
import { readAll } from './bytes.ts'
import { DamagedFileError } from './errors.ts'

/** The library's reader and writer of the wire format. */
export type Wire = typeof import('@bufbuild/protobuf/wire')

/** Loaded when it is needed: few programs read such a file. */
export function loadWire(): Promise<Wire> {
  return import('@bufbuild/protobuf/wire')
}

/** Bytes that are held of a file while its messages are walked. */
const WINDOW = 1 << 16
/** A tag and a varint take 15 bytes at most. */
const HEAD = 16
/** Messages in each other; ONNX and Caffe need fewer than ten. */
const DEEPEST = 32
/** Fields of all messages that were asked for. A net of a hundred layers has some ten thousand. */
const MOST_FIELDS = 1 << 18

/** A place in a file, in bytes. */
export interface Span {
  readonly at: number
  readonly length: number
}

/** How a field's value is stored. */
export type WireKind = 'varint' | 'fixed64' | 'bytes' | 'fixed32'

/** A field: what it is, and where its bytes are. */
export interface Field extends Span {
  readonly kind: WireKind
  /** Of a varint: its value as int64. */
  readonly value: bigint
}

/** Fields of a message by number, in the file's order. */
export type Fields = ReadonlyMap<number, readonly Field[]>

const KINDS: Readonly<Record<number, WireKind>> = {
  0: 'varint',
  1: 'fixed64',
  2: 'bytes',
  5: 'fixed32'
}

/** Reads bytes; they begin an ArrayBuffer of their own. */
export async function readExactly(
  handle: FileHandle,
  span: Span,
  label: string
): Promise<Uint8Array> {
  const bytes = new Uint8Array(span.length)
  const got = await readAll(handle, bytes, span.at)
  if (got < span.length) damaged(label, `${span.length} bytes at ${span.at}`, `${got}`)
  return bytes
}

/** An open file. `label` begins its errors. */
export class ProtobufFile {
  readonly #wire: Wire
  readonly #handle: FileHandle
  readonly #size: number
  readonly label: string
  #window: Uint8Array = new Uint8Array()
  #start = 0
  #count = 0

  constructor(wire: Wire, handle: FileHandle, size: number, label: string) {
    this.#wire = wire
    this.#handle = handle
    this.#size = size
    this.label = label
  }

  /** Walks a message: notes its fields, and passes over what they hold. */
  async fields(span: Span, depth: number): Promise<Fields> {
    if (depth > DEEPEST) {
      damaged(this.label, `at most ${DEEPEST} messages in each other`, 'more')
    }
    const end = span.at + span.length
    const fields = new Map<number, Field[]>()
    for (let at = span.at; at < end; ) {
      if (!this.#holds(at, Math.min(HEAD, end - at))) await this.#move(at)
      const { number, field } = this.#field(at, end)
      this.#count += 1
      if (this.#count > MOST_FIELDS) {
        damaged(this.label, `at most ${MOST_FIELDS} fields`, 'more')
      }
      const known = fields.get(number)
      if (known) known.push(field)
      else fields.set(number, [field])
      at = field.at + field.length
    }
    return fields
  }

  #field(at: number, end: number): { number: number; field: Field } {
    const limit = Math.min(this.#window.length, end - this.#start)
    const reader = new this.#wire.BinaryReader(this.#window.subarray(at - this.#start, limit))
    let number = 0
    let kind: WireKind | undefined
    let value = 0n
    let length = 0
    try {
      const [fieldNumber, type] = reader.tag()
      number = fieldNumber
      kind = KINDS[type]
      if (kind === 'varint') value = BigInt(reader.int64())
      else if (kind === 'bytes') length = Number(reader.uint64())
      else length = kind === 'fixed32' ? 4 : 8
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      damaged(this.label, `a field of a message at byte ${at}`, why)
    }
    // Groups, which no format of weights uses.
    if (!kind) damaged(this.label, `a field of a message at byte ${at}`, 'a group')
    const from = at + reader.pos
    if (from + length > end) {
      damaged(this.label, `${length} bytes at byte ${from}`, `an end after ${end - from}`)
    }
    return { number, field: { kind, value, at: from, length } }
  }

  #holds(at: number, length: number): boolean {
    return at >= this.#start && at + length <= this.#start + this.#window.length
  }

  async #move(at: number): Promise<void> {
    const length = Math.min(WINDOW, this.#size - at)
    this.#window = await readExactly(this.#handle, { at, length }, this.label)
    this.#start = at
  }

  /** A copy, in an ArrayBuffer of its own. */
  async bytes(span: Span): Promise<Uint8Array> {
    if (!this.#holds(span.at, span.length)) {
      if (span.length > WINDOW / 4) return readExactly(this.#handle, span, this.label)
      await this.#move(span.at)
    }
    const from = span.at - this.#start
    return this.#window.slice(from, from + span.length)
  }

  /** @throws DamagedFileError for a varint that does not end */
  varints(bytes: Uint8Array): number[] {
    const reader = new this.#wire.BinaryReader(bytes)
    const out: number[] = []
    try {
      while (reader.pos < reader.len) out.push(this.safe(BigInt(reader.int64())))
    } catch (error) {
      if (error instanceof DamagedFileError) throw error
      damaged(this.label, 'packed whole numbers', 'an early end')
    }
    return out
  }

  safe(value: bigint): number {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) damaged(this.label, 'a number below 2^53', `${value}`)
    return number
  }
}

/** Throws the error of a damaged file, in one form. */
export function damaged(label: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `${label}: expected ${expected}, got ${got}; the file is damaged or of another kind: use another copy`
  )
}
