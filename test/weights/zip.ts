/** Zip archives with whatever headers a test wants. */
import { crc32, deflateRawSync } from 'node:zlib'

/** An entry: its bytes, and what its headers say otherwise than they should. */
export interface Entry {
  readonly name: string
  readonly data: Uint8Array
  readonly deflate?: boolean
  /** Size that the headers tell. Default: the true one. */
  readonly bytes?: number
  /** Where the local header is said to be. Default: the true place. */
  readonly at?: number
  readonly flags?: number
}

/** Makes an archive. */
export function zipOf(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, data, deflate = false, bytes, at: told, flags = 0 } of entries) {
    const stored = deflate ? deflateRawSync(data) : Buffer.from(data)
    const title = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(flags, 2)
    common.writeUInt16LE(deflate ? 8 : 0, 4)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(deflate ? stored.length : (bytes ?? stored.length), 14)
    common.writeUInt32LE(bytes ?? data.length, 18)
    common.writeUInt16LE(title.length, 22)
    parts.push(Buffer.from('PK\x03\x04'), common, title, stored)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(told ?? at, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\0'), common, place, title)
    at += 30 + title.length + stored.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06'), end])
}
