/** What reads a body, and how it refuses one. */
import { HttpError } from './http-error.ts'

/** Takes a body's pieces. */
export interface BodyReader {
  write(piece: Buffer): void
  /** The body is whole. @throws HttpError if it has no picture */
  end(): Uint8Array | Promise<Uint8Array>
  /** The body will not come to its end. */
  close(): void
}

const EXPECTED = 'expected the bytes of a JPEG, PNG or WebP picture'

/** How to send a picture, for those who sent something else. */
export const onlyBytes = (got: string) =>
  new HttpError(
    415,
    `${EXPECTED}, got ${got}: send them as the body, with content-type image/jpeg, image/png, ` +
      'image/webp or application/octet-stream, or as a file of multipart/form-data; addresses are not fetched'
  )

export const tooLarge = (maxBytes: number) =>
  new HttpError(413, `expected a picture of at most ${maxBytes} bytes, got a larger one`)
