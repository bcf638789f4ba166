/** Connections that carry messages: over a socket, or within rank 0's own process. */
import type { Socket } from 'node:net'
import { BEAT, encode, type Frame, FrameReader } from './frames.ts'

/** Who is told what comes. */
export interface Listener {
  onFrame(frame: Frame): void
  /** The other end is gone, or is not to be trusted. Not called after `close`. */
  onEnd(reason: string): void
}

/** One end of a connection. */
export interface Link {
  /** Tells this listener what comes, in place of one before. */
  listen(listener: Listener): void
  /** Keeps what comes until the next one listens. */
  pause(): void
  send(head: object, body?: Uint8Array): void
  /** Ends the connection when what was sent is on its way. */
  close(): Promise<void>
  /** Ends the connection at once. */
  cut(): void
  /** Whether the connection keeps the process alive. */
  hold(held: boolean): void
}

/** Longest time in ms that a close waits for the other end. */
const CLOSING_MS = 1000
/** Times that a link looks for life within the time limit. */
const LOOKS = 10
/** Looks after which a silent end counts as gone. */
const SILENT = 8

/** Hands on what comes, or keeps it while nobody listens. */
class Mailbox {
  #listener: Listener | undefined
  #frames: Frame[] = []
  #ended: string | undefined

  listen(listener: Listener): void {
    this.#listener = listener
    // Each may set another listener.
    for (const frame of this.#frames.splice(0)) this.frame(frame)
    if (this.#ended !== undefined) this.end(this.#ended)
  }

  pause(): void {
    this.#listener = undefined
  }

  frame(frame: Frame): void {
    if (this.#listener) this.#listener.onFrame(frame)
    else this.#frames.push(frame)
  }

  end(reason: string): void {
    this.#ended = reason
    this.#listener?.onEnd(reason)
  }
}

export class SocketLink implements Link {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #timer: NodeJS.Timeout
  readonly #mail = new Mailbox()
  #begun = false
  #silent = 0
  #looked = performance.now()
  #closed = false

  /** @param timeout seconds after which a silent end counts as gone, at the latest */
  constructor(socket: Socket, timeout: number) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.removeAllListeners('error')
    socket.on('error', (error) => this.#end(`ended: ${textOf(error)}`))
    socket.on('close', () => this.#end('ended: its connection closed'))
    const ms = Math.max(1, (timeout * 1000) / LOOKS)
    this.#timer = setInterval(() => this.#look(ms, timeout), ms).unref()
  }

  listen(listener: Listener): void {
    this.#mail.listen(listener)
    if (this.#begun) return
    this.#begun = true
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.resume()
    if (this.#socket.destroyed) this.#end('ended: its connection closed')
  }

  pause(): void {
    this.#mail.pause()
  }

  #read(chunk: Buffer): void {
    this.#silent = 0
    if (this.#closed) return
    try {
      for (const frame of this.#reader.push(chunk)) if (!this.#closed) this.#mail.frame(frame)
    } catch (error) {
      this.#end(`sent ${textOf(error)}`)
    }
  }

  #look(ms: number, timeout: number): void {
    const now = performance.now()
    const late = now - this.#looked > 3 * ms
    this.#looked = now
    // This process stood still itself: what came meanwhile is not read yet.
    if (late) this.#silent = 0
    else if (++this.#silent > SILENT) {
      const seconds = Number(((timeout * SILENT) / LOOKS).toPrecision(2))
      this.#end(`has been silent for ${seconds} s: it hangs, or the network is cut`)
      return
    }
    this.#socket.write(BEAT)
  }

  #end(reason: string): void {
    if (this.#closed) return
    this.cut()
    this.#mail.end(reason)
  }

  send(head: object, body?: Uint8Array): void {
    if (this.#closed) return
    this.#socket.cork()
    for (const part of encode(head, body)) this.#socket.write(part)
    this.#socket.uncork()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    const socket = this.#socket
    if (socket.destroyed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), CLOSING_MS)
      socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.ref()
      socket.resume()
      // The other end closes its side when it has read all.
      socket.end()
    })
  }

  cut(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#socket.destroy()
  }

  hold(held: boolean): void {
    if (held) this.#socket.ref()
    else this.#socket.unref()
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Both ends of a connection within this process. */
export function localLinks(): readonly [Link, Link] {
  const ends: [LocalLink, LocalLink] = [new LocalLink(() => ends[1]), new LocalLink(() => ends[0])]
  return ends
}

class LocalLink implements Link {
  readonly #other: () => LocalLink
  readonly #mail = new Mailbox()
  #closed = false

  constructor(other: () => LocalLink) {
    this.#other = other
  }

  listen(listener: Listener): void {
    this.#mail.listen(listener)
  }

  pause(): void {
    this.#mail.pause()
  }

  #take(frame: Frame): void {
    queueMicrotask(() => !this.#closed && this.#mail.frame(frame))
  }

  send(head: object, body: Uint8Array = new Uint8Array(0)): void {
    if (this.#closed) return
    // As over a socket, the other end has its own copy.
    this.#other().#take({ head: { ...head }, body: new Uint8Array(body) })
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  cut(): void {
    this.#closed = true
  }

  hold(): void {}
}
