/**
 * Writes messages of protobuf as a list of parts, so that tensors are not copied: a part may be a view of one.
 * @bufbuild/protobuf's writer encodes tags, lengths, numbers and texts.
 */
import { loadWire, type Wire } from './protobuf-file.ts'

type BinaryWriter = InstanceType<Wire['BinaryWriter']>

/** A message in pieces, in their order. */
export interface Encoded {
  readonly parts: readonly Uint8Array[]
  /** Bytes of all parts. */
  readonly length: number
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Begins messages. Its fields are written in the order of the calls. */
export type StartMessage = () => MessageWriter

/** Loads the library. */
export async function protobufWriter(): Promise<StartMessage> {
  const wire = await loadWire()
  return () => new MessageWriter(wire)
}

/** A message that is being written. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = []
  readonly #writer: BinaryWriter
  #length = 0

  /** @internal */
  constructor(wire: Wire) {
    this.#writer = new wire.BinaryWriter()
  }

  integer(number: number, value: number): this {
    this.#writer.tag(number, VARINT).int64(BigInt(value))
    return this
  }

  float(number: number, value: number): this {
    this.#writer.tag(number, FIXED32).float(value)
    return this
  }

  double(number: number, value: number): this {
    this.#writer.tag(number, FIXED64).double(value)
    return this
  }

  /** Packed. */
  doubles(number: number, values: readonly number[]): this {
    this.#writer.tag(number, BYTES).uint32(values.length * 8)
    for (const value of values) this.#writer.double(value)
    return this
  }

  text(number: number, value: string): this {
    this.#writer.tag(number, BYTES).string(value)
    return this
  }

  /** Bytes that must not change until they are written. */
  bytes(number: number, value: Uint8Array): this {
    this.#writer.tag(number, BYTES).uint32(value.byteLength)
    this.#cut()
    this.#add(value)
    return this
  }

  message(number: number, { parts, length }: Encoded): this {
    this.#writer.tag(number, BYTES).uint32(length)
    this.#cut()
    for (const part of parts) this.#add(part)
    return this
  }

  end(): Encoded {
    this.#cut()
    return { parts: this.#parts, length: this.#length }
  }

  #cut(): void {
    const written = this.#writer.finish()
    if (written.byteLength > 0) this.#add(written)
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part)
    this.#length += part.byteLength
  }
}
