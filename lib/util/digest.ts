import { createHash, webcrypto } from 'node:crypto'

/** Bytes that are hashed at once: they are copied before. */
const PIECE = 64 * 2 ** 20

/**
 * A SHA-256 of large parts, which threads compute piece by piece: that of the pieces' own.
 * @returns lower-case hex
 */
export async function digestOf(...parts: readonly NodeJS.ArrayBufferView[]): Promise<string> {
  const whole = createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of parts) {
    const bytes = new Uint8Array(buffer, byteOffset, byteLength)
    for (let from = 0; from < bytes.length; from += PIECE) {
      const piece = bytes.slice(from, from + PIECE)
      whole.update(new Uint8Array(await webcrypto.subtle.digest('SHA-256', piece)))
    }
    whole.update(`${byteLength} bytes `)
  }
  return whole.digest('hex')
}
