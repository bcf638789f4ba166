/**
 * A GET request for downloads. Unlike `fetch` it never decompresses (checksums are of the bytes on the server) and
 * limits each wait.
 */
import { get as httpGet, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'

/** A server's answer. The body is still to be read. */
export interface Response {
  readonly statusCode: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: AsyncIterable<Uint8Array>
  /** Closes the connection. Must be called. */
  close(): void
}

/** Headers and limits of a request. */
export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal | undefined
  /** Limit in milliseconds until the answer begins, redirects included. */
  readonly patience: number
  /** Limit in milliseconds between two pieces of the body. */
  readonly stallAfter: number
}

const MAX_REDIRECTS = 5
const REDIRECTS = [301, 302, 303, 307, 308]

/** Requests `url` and follows redirects. Resolves when the headers have arrived. */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  const { headers, signal, patience, stallAfter } = options
  const stop = new AbortController()
  const stopFor = (milliseconds: number, what: string) =>
    setTimeout(
      () => stop.abort(new Error(`${what} within ${(milliseconds / 1000).toFixed(1)} s`)),
      milliseconds
    )
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let timer = stopFor(patience, 'no answer')
  const close = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    stop.abort()
  }

  try {
    signal?.throwIfAborted()
    let target = new URL(url)
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const message = await get(target, headers, stop.signal)
      const { statusCode = 0 } = message
      const location = message.headers.location
      if (!REDIRECTS.includes(statusCode) || location === undefined) {
        clearTimeout(timer)
        return { statusCode, headers: message.headers, body: body(message), close }
      }
      message.destroy()
      target = new URL(location, target)
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects`)
  } catch (error) {
    const cause = stop.signal.aborted ? stop.signal.reason : error
    close()
    throw cause
  }

  async function* body(message: IncomingMessage) {
    try {
      timer = stopFor(stallAfter, 'no more data')
      for await (const chunk of message) {
        timer.refresh()
        yield chunk
      }
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error
    } finally {
      clearTimeout(timer)
    }
  }
}

function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal
): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`expected an http or https address, got ${url.href}`)
  }
  const send = url.protocol === 'https:' ? httpsGet : httpGet
  const all = { 'accept-encoding': 'identity', 'user-agent': 'alexnode', ...headers }
  return new Promise((resolve, reject) => {
    send(url, { headers: all, signal, agent: false }, resolve).on('error', reject)
  })
}
