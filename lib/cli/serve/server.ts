/** The HTTP server: its limits, and its end. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Service } from './service.ts'

export interface ServerOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** Longest time in milliseconds for headers, and for a body. */
  readonly timeoutMs: number
  readonly maxConnections: number
}

/** What may be left of a request when its own time limit ends it first. */
const SLACK_MS = 2000
/** Headers of a request in bytes. */
const MAX_HEADERS = 16 * 1024

const answers: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large'
}

/** A server that listens. */
export class Listening {
  readonly #server: Server
  readonly #service: Service
  readonly #timeoutMs: number
  /** Connections, and how many of their requests are being answered. */
  readonly #connections = new Map<Socket, number>()

  private constructor(server: Server, service: Service, timeoutMs: number) {
    this.#server = server
    this.#service = service
    this.#timeoutMs = timeoutMs
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      this.#count(request.socket, 1)
      response.once('close', () => this.#count(request.socket, -1))
      void service.handle(request, response)
    }
    server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, 0)
      socket.once('close', () => this.#connections.delete(socket))
    })
    server.on('request', answer)
    // The body is asked for when the request is accepted.
    server.on('checkContinue', answer)
  }

  #count(socket: Socket, more: number): void {
    const requests = this.#connections.get(socket)
    if (requests !== undefined) this.#connections.set(socket, requests + more)
  }

  /** @throws Error of the system if it cannot listen there */
  static async open(service: Service, options: ServerOptions): Promise<Listening> {
    const { host, port, timeoutMs, maxConnections } = options
    const server = createServer({
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs + SLACK_MS,
      connectionsCheckingInterval: Math.min(1000, timeoutMs),
      keepAliveTimeout: 5000,
      maxHeaderSize: MAX_HEADERS
    })
    server.maxConnections = maxConnections
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const line = answers[error.code ?? ''] ?? '400 Bad Request'
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      service.metrics.requests.inc({ status: Number.parseInt(line, 10) })
      socket.end(`HTTP/1.1 ${line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      // Whoever does not read the answer does not keep the connection.
      setTimeout(() => socket.destroy(), SLACK_MS).unref()
    })
    const listening = new Listening(server, service, timeoutMs)
    server.listen(port, host)
    await once(server, 'listening')
    return listening
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Accepts no more, answers what was accepted, and closes every connection. */
  async close(): Promise<void> {
    this.#service.end()
    const closed = once(this.#server, 'close')
    this.#server.close()
    // Those that never sent a request count as busy for Node.
    for (const [socket, requests] of this.#connections) if (requests === 0) socket.destroy()
    // What is being sent has its time limit; a computed answer that nobody reads has none.
    const last = setTimeout(() => this.#server.closeAllConnections(), this.#timeoutMs + SLACK_MS)
    try {
      await closed
    } finally {
      clearTimeout(last)
    }
  }
}
