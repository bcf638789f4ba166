/** Reads the picture of a request's body, within limits of size and time. */
import type { IncomingMessage } from 'node:http'
import { cut, foreign } from '../../util/foreign.ts'
import { HttpError } from './http-error.ts'
import { multipart } from './multipart.ts'
import { type BodyReader, onlyBytes, tooLarge } from './reader.ts'

export interface BodyLimits {
  /** Largest picture in bytes. */
  readonly maxBytes: number
  /** Longest time in milliseconds that a body may take. */
  readonly timeoutMs: number
}

/** What a multipart body may have beside the picture: its parts' headers. */
const AROUND = 64 * 1024
const RAW = /^(?:image\/(?:jpeg|jpg|png|webp)|application\/octet-stream)$/
/**
 * Refuses a request by its headers, before its body is read.
 * @throws HttpError
 */
export function checkHeaders({ headers }: IncomingMessage, { maxBytes }: BodyLimits): void {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = headers
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(415, `expected a body without content-encoding, got ${named(encoding)}`)
  }
  const kind = kindOf(type)
  if (kind !== 'multipart/form-data' && !RAW.test(kind)) throw onlyBytes(named(kind))
  const most = kind === 'multipart/form-data' ? maxBytes + AROUND : maxBytes
  if (length !== undefined && Number(length) > most) throw tooLarge(maxBytes)
}

/**
 * Reads a picture's bytes.
 *
 * @param signal ends the reading when the client has gone
 * @throws HttpError if the body is too large, too slow, or no picture
 */
export function readPicture(
  request: IncomingMessage,
  limits: BodyLimits,
  signal: AbortSignal
): Promise<Uint8Array> {
  const { maxBytes, timeoutMs } = limits
  const isForm = kindOf(request.headers['content-type']) === 'multipart/form-data'
  return new Promise((resolve, reject) => {
    let size = 0
    const most = isForm ? maxBytes + AROUND : maxBytes
    const leave = () => {
      request.off('data', onData).off('end', onEnd).off('error', onError)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      clearTimeout(timer)
      leave()
      reader?.close()
      request.resume() // what still comes is dropped
      reject(error)
    }
    const onData = (piece: Buffer) => {
      size += piece.length
      if (size > most) fail(tooLarge(maxBytes))
      else reader?.write(piece)
    }
    // The time limit holds until a form has been read, too.
    const onEnd = () => {
      leave()
      Promise.resolve()
        .then(() => reader?.end() ?? new Uint8Array())
        .then(checked)
        .finally(() => clearTimeout(timer))
        .then(resolve, reject)
    }
    const onError = (error: unknown) => fail(error)
    const onAbort = () => fail(signal.reason)
    const timer = setTimeout(() => {
      const said = `expected the whole body within ${timeoutMs / 1000} s, got ${size} bytes by then`
      fail(new HttpError(408, said, { connection: 'close' }))
    }, timeoutMs)
    let reader: BodyReader | undefined
    try {
      reader = isForm ? multipart(request.headers, maxBytes, fail) : whole()
      request.on('data', onData).on('end', onEnd).on('error', onError)
      signal.addEventListener('abort', onAbort)
    } catch (error) {
      fail(error)
    }
  })
}

/** A body that is the picture. */
function whole(): BodyReader {
  const pieces: Buffer[] = []
  return {
    write: (piece) => pieces.push(piece),
    end: () => Buffer.concat(pieces),
    close: () => pieces.splice(0)
  }
}

/** @throws HttpError for text that came as a picture, such as an address or a list of them */
function checked(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.subarray(0, 32)).toString('latin1').trimStart()
  if (/^(?:[[{"]|(?:https?|ftp|file|data):)/i.test(head)) throw onlyBytes('a text')
  return bytes
}

function kindOf(type = 'application/octet-stream'): string {
  return type.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

const named = (text: string) => `'${foreign(cut(text))}'`
