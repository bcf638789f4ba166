/** The text of a list: UTF-8 or UTF-16, with or without a byte order mark. */
import { textOf } from '../files/file-names.ts'

/**
 * Decodes a list. Of other encodings than UTF-8 and UTF-16, bytes above 0x7f become `\xNN`, as in names of files, so
 * that paths still name their files.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  // Half of the bytes of names in UTF-16 are zero.
  if (second === 0 && bytes[3] === 0) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0 && bytes[2] === 0) return new TextDecoder('utf-16be').decode(bytes)
  return textOf(bytes).replace(/^\ufeff/, '')
}
