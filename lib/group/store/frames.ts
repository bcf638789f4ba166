/**
 * Messages on a connection: bytes that follow (u32, big endian), bytes of the head (u32), the head as JSON, and a body of
 * any bytes. A message of no bytes only says that its sender lives.
 */
import { isObject } from '../../util/files/json.ts'

/** Most bytes of a value that travels in one message. */
export const MOST_BODY = 16 * 2 ** 20
const MOST_HEAD = 2 ** 20
const MOST_FRAME = 4 + MOST_HEAD + MOST_BODY
const SIZE = 4

/** A head that is not checked yet. */
export type Head = Readonly<Record<string, unknown>>

export interface Frame {
  readonly head: Head
  readonly body: Uint8Array
}

/** A message of no bytes. */
export const BEAT: Uint8Array = new Uint8Array(SIZE)

/** The bytes of a message. */
export function encode(head: object, body: Uint8Array = new Uint8Array(0)): readonly Uint8Array[] {
  const json = Buffer.from(JSON.stringify(head))
  if (json.length > MOST_HEAD || body.length > MOST_BODY) {
    const got = `${json.length} and ${body.length}`
    throw new RangeError(
      `[group] expected a message of at most ${MOST_HEAD} and ${MOST_BODY} bytes, got ${got}`
    )
  }
  const sizes = Buffer.alloc(2 * SIZE)
  sizes.writeUInt32BE(SIZE + json.length + body.length, 0)
  sizes.writeUInt32BE(json.length, SIZE)
  return [Buffer.concat([sizes, json]), body]
}

/** Cuts what arrives into messages. */
export class FrameReader {
  #chunks: Buffer[] = []
  #held = 0
  /** Bytes of the message that comes, with its size; undefined until these are here. */
  #wanted: number | undefined

  /**
   * Takes bytes as they come.
   * @returns the messages that are whole
   * @throws Error for bytes that are no message
   */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    const frames: Frame[] = []
    while (this.#held >= (this.#wanted ?? SIZE)) {
      const [first = chunk, ...more] = this.#chunks
      const all = more.length === 0 ? first : Buffer.concat(this.#chunks)
      this.#wanted ??= SIZE + bounded(all.readUInt32BE(), MOST_FRAME)
      if (this.#held >= this.#wanted) {
        if (this.#wanted > SIZE) frames.push(decode(all.subarray(SIZE, this.#wanted)))
        this.#chunks = [all.subarray(this.#wanted)]
        this.#held -= this.#wanted
        this.#wanted = undefined
      } else this.#chunks = [all]
    }
    return frames
  }
}

function bounded(bytes: number, most: number): number {
  if (bytes <= most) return bytes
  throw new Error(`a message of ${bytes} bytes; at most ${most} are taken`)
}

function decode(bytes: Buffer): Frame {
  if (bytes.length < SIZE) throw new Error('bytes that are no message')
  const end = SIZE + bytes.readUInt32BE()
  if (end > bytes.length || end > SIZE + MOST_HEAD) throw new Error('bytes that are no message')
  let head: unknown
  try {
    head = JSON.parse(bytes.toString('utf8', SIZE, end))
  } catch {}
  if (!isObject(head)) throw new Error('bytes that are no message')
  // Not part of the bytes that came: it may be kept, and they are let go.
  return { head, body: new Uint8Array(bytes.subarray(end)) }
}
