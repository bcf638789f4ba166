/**
 * Lists the members of a tar with their offsets and sizes, so that each can be read alone and in any order.
 * Libraries for tar give streams, which read all bytes before a member. Formats: POSIX ustar and pax, and GNU's long
 * names (IEEE Std 1003.1, "pax Interchange Format"; GNU tar's manual, "Basic Tar Format").
 */
import type { FileHandle } from 'node:fs/promises'
import { readAll } from '../../../util/files/bytes.ts'
import { DataError } from '../../dataset.ts'

/** A regular file in a tar. */
export interface TarMember {
  /** Name in the tar, without a leading `./`. */
  readonly name: string
  /** Offset of its bytes in the file on the disk. */
  readonly offset: number
  readonly bytes: number
  /** True if the tar ends before the member does. */
  readonly truncated: boolean
}

const BLOCK = 512
/** Longer names and pax headers are taken for damage. */
const MAX_TEXT = 1 << 20

/**
 * Lists the regular files of a tar.
 *
 * @param name names the tar in errors
 * @param from offset of the tar in the file: a tar may be a member of another
 * @param to offset of its end
 * @param onTruncated called if the block of zeros at the end is missing: members may be missing, too
 * @throws DataError for a wrong header
 */
export async function* tarMembers(
  file: FileHandle,
  name: string,
  from: number,
  to: number,
  onTruncated: () => void
): AsyncGenerator<TarMember> {
  const block = Buffer.alloc(BLOCK)
  let next: { path?: string; size?: number } = {}
  for (let at = from; at === from || at + BLOCK <= to; ) {
    await readAll(file, block, at)
    if (at > from && block.every((byte) => byte === 0)) return
    if (!hasValidChecksum(block)) {
      throw new DataError(
        `[tar] ${name}: expected the header of a member at byte ${at - from}, got other bytes;` +
          ' it is no tar, or damaged: fetch it again'
      )
    }
    const kind = String.fromCharCode(block[156] ?? 0)
    const bytes = next.size ?? number(block, 124, 12)
    const offset = at + BLOCK
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK
    if (kind === 'L' || kind === 'x') {
      if (bytes > MAX_TEXT || offset + bytes > to) break
      const text = Buffer.alloc(bytes)
      await readAll(file, text, offset)
      next = { ...next, ...(kind === 'L' ? { path: upToZero(text) } : paxOf(text)) }
    } else if (kind !== 'g') {
      const path = (next.path ?? pathOf(block)).replace(/^(\.\/)+/, '')
      next = {}
      if ('0\x007'.includes(kind))
        yield { name: path, offset, bytes, truncated: offset + bytes > to }
    }
  }
  onTruncated()
}

/** Checks the header's checksum, which counts its own bytes as blanks. */
function hasValidChecksum(block: Buffer): boolean {
  let sum = 8 * 32
  for (const [i, byte] of block.entries()) if (i < 148 || i >= 156) sum += byte
  return sum === number(block, 148, 8)
}

/** A number in octal digits, or in binary if the first bit is set. */
function number(block: Buffer, at: number, length: number): number {
  if ((block[at] ?? 0) & 0x80) return Number(block.readBigUInt64BE(at + length - 8))
  return Number.parseInt(block.toString('latin1', at, at + length).replace(/\0/g, ' '), 8) || 0
}

function pathOf(block: Buffer): string {
  const name = upToZero(block.subarray(0, 100))
  const posix = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = posix ? upToZero(block.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function upToZero(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** Parses records `length key=value\n`; the length includes itself. */
function paxOf(text: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {}
  for (let at = 0; at < text.length; ) {
    const blank = text.indexOf(32, at)
    const length = Number(text.toString('latin1', at, blank))
    if (blank < 0 || !(length > 0)) break
    const record = text.toString('utf8', blank + 1, at + length - 1)
    if (record.startsWith('path=')) found.path = record.slice(5)
    if (record.startsWith('size=')) found.size = Number(record.slice(5))
    at += length
  }
  return found
}
