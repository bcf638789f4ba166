/** Reads the one file of a multipart/form-data body. */
import type { IncomingHttpHeaders } from 'node:http'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { HttpError } from './http-error.ts'
import { type BodyReader, onlyBytes, tooLarge } from './reader.ts'

/**
 * @param fail is called for a body that is refused before its end
 * @throws HttpError for headers without a boundary
 */
export function multipart(
  headers: IncomingHttpHeaders,
  maxBytes: number,
  fail: (error: HttpError) => void
): BodyReader {
  const pieces: Buffer[] = []
  const limits = { files: 1, fields: 1, parts: 2, fileSize: maxBytes, fieldSize: 1024 }
  const form = open(headers, limits)
  let files = 0
  let failed: HttpError | undefined
  let isOver = false
  const finished = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true
      resolve()
    }
    form.on('finish', end).on('close', end)
    // An error is of a body that is cut or no form; the parser goes no further.
    form.on('error', (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      refuse(new HttpError(400, `expected a whole body of multipart/form-data, got: ${why}`))
      end()
    })
  })
  const refuse = (error: HttpError) => {
    if (failed) return
    failed = error
    if (!isOver) fail(error)
  }
  form.on('file', (_field: string, file: BusboyFileStream) => {
    files++
    file.on('data', (piece: Buffer) => pieces.push(piece))
    file.on('limit', () => refuse(tooLarge(maxBytes)))
    file.on('error', () => {}) // told by the form
  })
  form.on('field', () => refuse(onlyBytes('a field of a form that is no file')))
  const several = () => refuse(new HttpError(400, 'expected one picture a request, got several'))
  form.on('filesLimit', several).on('partsLimit', several)
  return {
    write: (piece) => form.write(piece),
    async end() {
      form.end()
      await finished
      if (failed) throw failed
      if (files === 0) throw onlyBytes('a form without a file')
      return Buffer.concat(pieces)
    },
    close() {
      pieces.splice(0)
      form.destroy()
    }
  }
}

function open(
  headers: IncomingHttpHeaders,
  limits: Readonly<Record<string, number>>
): BusboyInstance {
  const type = headers['content-type'] ?? ''
  try {
    return new Busboy({ headers: { ...headers, 'content-type': type }, limits })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new HttpError(400, `expected multipart/form-data with a boundary, got: ${why}`)
  }
}
