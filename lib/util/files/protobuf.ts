/**
 * Reads files of protobuf by position: a message gives its fields, and a field of bytes only its place, until it is
 * asked for. So a net of gigabytes costs no more memory than the one tensor that is read.
 *
 * Tags and varints are read by @bufbuild/protobuf's reader of the wire format. Nothing is generated from a schema,
 * and no code of a file is executed.
 * Format: https://protobuf.dev/programming-guides/encoding/
 */
import { withFile } from './bytes.ts'
import { needLittleEndian } from './endian.ts'
import { onDisk } from './errors.ts'
import {
  damaged,
  type Field,
  type Fields,
  loadWire,
  ProtobufFile,
  readExactly,
  type Span,
  type WireKind
} from './protobuf-file.ts'

export type { Span } from './protobuf-file.ts'

const MOST_TEXT = 1 << 24

/** Numbers of a packed or a repeated field. */
export type NumberKind = 'varint' | 'float' | 'double'

const STORED = { varint: 'varint', float: 'fixed32', double: 'fixed64' } as const

/**
 * Opens a file, gives its outermost message, and closes it when `work` is done.
 *
 * @param topic begins the errors, such as 'onnx'
 * @throws DamagedFileError for bytes that are no protobuf, or a field of another type than was asked for
 * @throws DiskError if the file cannot be read
 *
 * @example
 * const opset = await readProtobuf('onnx', path, async (model) => {
 *   const [imported] = await model.messages(8)
 *   return imported?.integer(2)
 * })
 */
export async function readProtobuf<Result>(
  topic: string,
  path: string,
  work: (root: Message) => Promise<Result>
): Promise<Result> {
  needLittleEndian(topic)
  const wire = await loadWire()
  return onDisk(topic, 'read', path, () =>
    withFile(path, 'r', async (handle) => {
      const { size } = await handle.stat()
      const file = new ProtobufFile(wire, handle, size, `[${topic}] ${path}`)
      return work(await Message.of(file, { at: 0, length: size }, 0))
    })
  )
}

/**
 * Reads bytes of a file, such as a tensor whose place a message told. They begin an ArrayBuffer of their own.
 * @throws DamagedFileError if the file has become shorter
 */
export function readSpan(topic: string, path: string, span: Span): Promise<Uint8Array> {
  return onDisk(topic, 'read', path, () =>
    withFile(path, 'r', (handle) => readExactly(handle, span, `[${topic}] ${path}`))
  )
}

/** A message: its fields by number, read when they are asked for. A single field that is there twice counts as its last. */
export class Message {
  readonly #file: ProtobufFile
  readonly #fields: Fields
  readonly #depth: number

  private constructor(file: ProtobufFile, fields: Fields, depth: number) {
    this.#file = file
    this.#fields = fields
    this.#depth = depth
  }

  /** @internal */
  static async of(file: ProtobufFile, span: Span, depth: number): Promise<Message> {
    return new Message(file, await file.fields(span, depth), depth)
  }

  has(number: number): boolean {
    return this.#fields.has(number)
  }

  /** How many times a field is there. */
  count(number: number): number {
    return this.#fields.get(number)?.length ?? 0
  }

  /** True for numbers that are stored as they are in memory, in one field. */
  isPacked(number: number): boolean {
    const fields = this.#fields.get(number)
    return fields?.length === 1 && fields[0]?.kind === 'bytes'
  }

  /** A whole number: int32, int64, uint32, an enum or a bool. */
  integer(number: number): number | undefined {
    const field = this.#last(number, 'varint')
    return field && this.#file.safe(field.value)
  }

  async float(number: number): Promise<number | undefined> {
    const field = this.#last(number, 'fixed32')
    return field && viewOf(await this.#file.bytes(field)).getFloat32(0, true)
  }

  async text(number: number): Promise<string | undefined> {
    const field = this.#last(number, 'bytes')
    return field && this.#textOf(field)
  }

  async texts(number: number): Promise<readonly string[]> {
    const out: string[] = []
    for (const field of this.#all(number, 'bytes')) out.push(await this.#textOf(field))
    return out
  }

  async message(number: number): Promise<Message | undefined> {
    const field = this.#last(number, 'bytes')
    return field && Message.of(this.#file, field, this.#depth + 1)
  }

  async messages(number: number): Promise<readonly Message[]> {
    const out: Message[] = []
    for (const field of this.#all(number, 'bytes')) {
      out.push(await Message.of(this.#file, field, this.#depth + 1))
    }
    return out
  }

  /** Where a field's bytes are: raw data, or packed numbers. */
  span(number: number): Span | undefined {
    const field = this.#last(number, 'bytes')
    return field && { at: field.at, length: field.length }
  }

  /** The bytes of a field, in an ArrayBuffer of their own. */
  async bytes(number: number): Promise<Uint8Array | undefined> {
    const field = this.#last(number, 'bytes')
    return field && this.#file.bytes(field)
  }

  /**
   * Few numbers of a repeated field, packed or not. Of many, take `span`.
   * @param most larger counts are taken for damage
   */
  async numbers(number: number, kind: NumberKind, most = 1 << 16): Promise<readonly number[]> {
    const out: number[] = []
    for (const field of this.#fields.get(number) ?? []) {
      if (field.kind !== 'bytes') this.#check(number, field, STORED[kind])
      if (field.length > most * 8) this.#tooMany(number, most)
      if (field.kind === 'varint') out.push(this.#file.safe(field.value))
      else {
        const bytes = await this.#file.bytes(field)
        for (const value of kind === 'varint' ? this.#file.varints(bytes) : floats(bytes, kind)) {
          out.push(value)
        }
      }
      if (out.length > most) this.#tooMany(number, most)
    }
    return out
  }

  #tooMany(number: number, most: number): never {
    damaged(this.#file.label, `at most ${most} numbers in field ${number}`, 'more')
  }

  async #textOf(field: Field): Promise<string> {
    const { label } = this.#file
    if (field.length > MOST_TEXT) {
      damaged(label, `a text of at most ${MOST_TEXT} bytes`, `${field.length}`)
    }
    const bytes = await this.#file.bytes(field)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return damaged(label, `text in UTF-8 at byte ${field.at}`, 'other bytes')
    }
  }

  #last(number: number, kind: WireKind): Field | undefined {
    const field = this.#fields.get(number)?.at(-1)
    if (field) this.#check(number, field, kind)
    return field
  }

  #all(number: number, kind: WireKind): readonly Field[] {
    const fields = this.#fields.get(number) ?? []
    for (const field of fields) this.#check(number, field, kind)
    return fields
  }

  #check(number: number, field: Field, kind: WireKind): void {
    if (field.kind === kind) return
    damaged(this.#file.label, `${kind} in field ${number}, before byte ${field.at}`, field.kind)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function floats(bytes: Uint8Array, kind: 'float' | 'double'): number[] {
  const view = viewOf(bytes)
  const size = kind === 'float' ? 4 : 8
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
    kind === 'float' ? view.getFloat32(i * 4, true) : view.getFloat64(i * 8, true)
  )
}
