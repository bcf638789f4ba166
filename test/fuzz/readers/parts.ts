/** Parts of files that are mutated by themselves, and checksums that are made right. */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Files, Part } from './reader.ts'

/** All of a file. */
export const bytesOf = (file: string): Part => ({ file, kind: 'bytes' })
export const jsonOf = (file: string): Part => ({ file, kind: 'json' })
export const textOf = (file: string): Part => ({ file, kind: 'text' })

/** Bytes from one offset to another. */
export const range = (
  file: string,
  from: number,
  to: number,
  kind: Part['kind'] = 'bytes'
): Part => ({
  file,
  kind,
  get: (whole) => whole.subarray(from, to),
  put: (whole, part) => Buffer.concat([whole.subarray(0, from), part, whole.subarray(to)])
})

/** The JSON header of a safetensors file, whose length is written anew. */
export const safetensorsHeader = (file: string): Part => {
  const end = (whole: Buffer) => 8 + Number(whole.length < 8 ? 0n : whole.readBigUInt64LE(0))
  return {
    file,
    kind: 'json',
    get: (whole) => whole.subarray(8, end(whole)),
    put: (whole, part) => {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(part.length))
      return Buffer.concat([length, part, whole.subarray(end(whole))])
    }
  }
}

/** The header of an .npy file of version 1, whose length is written anew. */
export const npyHeader = (file: string): Part => {
  const end = (whole: Buffer) => 10 + (whole.length < 10 ? 0 : whole.readUInt16LE(8))
  return {
    file,
    kind: 'text',
    get: (whole) => whole.subarray(10, end(whole)),
    put: (whole, part) => {
      const length = Buffer.alloc(2)
      length.writeUInt16LE(part.length % 65536)
      return Buffer.concat([whole.subarray(0, 8), length, part, whole.subarray(end(whole))])
    }
  }
}

/** What a gzip file holds. */
export const gzipped = (file: string): Part => ({
  file,
  kind: 'bytes',
  get: (whole) => {
    try {
      return gunzipSync(whole)
    } catch {
      return undefined
    }
  },
  put: (_, part) => gzipSync(part)
})

/** A line of JSON that begins behind a magic text and is padded with blanks. */
export const jsonLine = (file: string, from: number, to: number): Part => ({
  file,
  kind: 'json',
  get: (whole) => {
    const end = whole.indexOf(10, from)
    return end < 0 ? undefined : whole.subarray(from, end)
  },
  put: (whole, part) => {
    const line = Buffer.alloc(to - from, ' ')
    line.set(part.subarray(0, line.length - 1))
    line[Math.min(part.length, line.length - 1)] = 10
    return Buffer.concat([whole.subarray(0, from), line, whole.subarray(to)])
  }
})

/** Writes the checksum of each header of a tar. */
export function repairTar(files: Files, name: string): void {
  const file = files.get(name)
  if (!file) return
  const tar = Buffer.from(file)
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    // Headers are those blocks that have the mark of a known form.
    if (tar.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    tar.fill(' ', at + 148, at + 156)
    const sum = tar.subarray(at, at + 512).reduce((a, b) => a + b, 0)
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  }
  files.set(name, tar)
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Edits the JSON of a file, where it is an object. */
export function withJson(
  files: Files,
  name: string,
  edit: (value: Record<string, unknown>) => void
): void {
  try {
    const value: unknown = JSON.parse(Buffer.from(files.get(name) ?? []).toString('utf8'))
    if (!isRecord(value)) return
    edit(value)
    files.set(name, Buffer.from(JSON.stringify(value)))
  } catch {
    // What is no JSON has nothing to repair.
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
