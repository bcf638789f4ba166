/** Hands on what a process writes, with a mark before each line. Lines of several processes are never mixed. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'

/** A longer line is broken, in bytes. */
const LONGEST = 2 ** 20
const LINE_END = 0x0a

/** Writes to a stream, as fast as that takes it. */
export class Outlet {
  readonly #stream: NodeJS.WritableStream
  #broken = false

  /** @param onBroken is called once, when nobody reads any more */
  constructor(stream: NodeJS.WritableStream, onBroken: () => void = () => {}) {
    this.#stream = stream
    stream.on('error', () => {
      if (this.#broken) return
      this.#broken = true
      onBroken()
    })
  }

  /** Waits where the reader is slow, so that memory stays bounded. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#broken || this.#stream.write(bytes)) return
    // It rejects when nobody reads any more; what comes then is let go.
    await once(this.#stream, 'drain').catch(() => {})
  }
}

/**
 * Relays a stream until it ends. A last line without an end gets one.
 * @param mark what stands before each line
 */
export async function relay(from: Readable, mark: string, to: Outlet): Promise<void> {
  const prefix = Buffer.from(mark)
  let parts: Buffer[] = []
  let held = 0
  const take = () => {
    const line = Buffer.concat(parts)
    parts = []
    held = 0
    return line
  }
  try {
    for await (const chunk of from) {
      let rest: Buffer = chunk
      const whole: Buffer[] = []
      for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
        parts.push(rest.subarray(0, end + 1))
        whole.push(prefix, take())
        rest = rest.subarray(end + 1)
      }
      if (rest.length > 0) {
        parts.push(rest)
        held += rest.length
      }
      if (held > LONGEST) whole.push(prefix, take(), Buffer.of(LINE_END))
      if (whole.length > 0) await to.write(Buffer.concat(whole))
    }
  } catch {
    // Destroyed: its process is gone, and something that it left behind holds the pipe.
  }
  if (held > 0) await to.write(Buffer.concat([prefix, take(), Buffer.of(LINE_END)]))
}
