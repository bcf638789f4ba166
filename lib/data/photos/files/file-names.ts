/**
 * Names of files as text. A name that is not UTF-8 keeps its bytes: those above 0x7f become `\xNN`, so that different
 * names stay different.
 */
import { isUtf8 } from 'node:buffer'
import { join } from 'node:path'

/** A path; of names that are not UTF-8, in bytes. */
export type FilePath = string | Buffer

/** The text of a name. */
export function textOf(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.length)
  if (isUtf8(bytes)) return bytes.toString('utf8')
  const written = (one: string) => `\\x${one.charCodeAt(0).toString(16)}`
  return bytes.toString('latin1').replace(/[\x80-\xff]/g, written)
}

/** True if a text of `textOf` has escaped bytes. */
export const isEscaped = (name: string) => /\\x[89a-f][0-9a-f]/.test(name)

/** The path of a name in a folder. */
export function pathIn(folder: FilePath, name: Buffer): FilePath {
  if (typeof folder === 'string' && isUtf8(name)) return join(folder, name.toString('utf8'))
  return Buffer.concat([Buffer.from(folder), Buffer.from('/'), name])
}

/** A path for messages. */
export const pathText = (path: FilePath) => (typeof path === 'string' ? path : textOf(path))
