import type { OutgoingHttpHeaders } from 'node:http'

/** A request that is refused. The message says what was expected and what came. */
export class HttpError extends Error {
  override name = 'HttpError'
  readonly status: number
  readonly headers: OutgoingHttpHeaders

  constructor(status: number, message: string, headers: OutgoingHttpHeaders = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}
