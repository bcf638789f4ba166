/**
 * Lists the members of a tar with their offsets and sizes, so that each can be read alone and in any order.
 * Libraries for tar give streams, which read all bytes before a member, and decode names as UTF-8. Formats: POSIX ustar
 * and pax, and GNU's long names and sparse files (IEEE Std 1003.1, "pax Interchange Format"; GNU tar's manual, "Basic
 * Tar Format").
 */
import { posix } from 'node:path'
import { DataError } from '../../dataset.ts'
import { textOf } from './file-names.ts'

/** A file in a tar. */
export interface TarMember {
  /** Name in the tar, without a leading `./`. */
  readonly name: string
  /** 'sparse' files have holes that the tar leaves out; 'other' are devices and pipes. */
  readonly kind: 'file' | 'link' | 'symlink' | 'sparse' | 'other'
  /** The name that a link links to: in the tar, or of a symlink from its folder. */
  readonly target?: string
  /** Offset of its bytes in the file on the disk. */
  readonly offset: number
  readonly bytes: number
  /** True if the tar ends before the member does. */
  readonly truncated: boolean
}

/** Fills `into` with a tar's bytes from an offset on; returns how many there are. */
export type ReadAt = (into: Uint8Array, at: number) => Promise<number>

const BLOCK = 512
/** Longer names and pax headers are taken for damage. */
const MAX_TEXT = 1 << 20
/** Members by the letter in their headers. Folders and notes of GNU tar are no members. */
const kinds: Readonly<Record<string, TarMember['kind'] | undefined>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  S: 'sparse',
  M: 'sparse',
  '3': 'other',
  '4': 'other',
  '6': 'other'
}

/** What a header says of the next member, in place of the member's own header. */
interface Ahead {
  readonly path?: string
  readonly target?: string
  readonly size?: number
  readonly sparse?: boolean
}

/**
 * Lists the files and links of a tar.
 *
 * @param name names the tar in errors
 * @param from offset of the tar in the file: a tar may be a member of another
 * @param to offset of its end
 * @param onTruncated called if the block of zeros at the end is missing: members may be missing, too
 * @throws DataError for a wrong header
 */
export async function* tarMembers(
  read: ReadAt,
  name: string,
  from: number,
  to: number,
  onTruncated: () => void
): AsyncGenerator<TarMember> {
  const block = Buffer.alloc(BLOCK)
  let next: Ahead = {}
  for (let at = from; at + BLOCK <= to || (at === from && at < to); ) {
    const whole = at + BLOCK <= to
    if (whole) await read(block, at)
    if (whole && block.every((byte) => byte === 0)) return
    if (!whole || !hasValidChecksum(block)) {
      throw new DataError(
        `[tar] ${name}: expected the header of a member at byte ${at - from}, got other bytes;` +
          ' it is no tar, or damaged: fetch it again'
      )
    }
    const letter = String.fromCharCode(block[156] ?? 0)
    // Links have a size in some tars, and no bytes.
    const bytes = letter === '1' || letter === '2' ? 0 : (next.size ?? number(block, 124, 12))
    let offset = at + BLOCK
    if (letter === 'S') offset = await endOfMap(read, block, offset)
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK
    if (letter === 'L' || letter === 'K' || letter === 'x') {
      if (bytes > MAX_TEXT || offset + bytes > to) break
      const text = Buffer.alloc(bytes)
      await read(text, offset)
      if (letter === 'L') next = { ...next, path: upToZero(text) }
      else if (letter === 'K') next = { ...next, target: upToZero(text) }
      else next = { ...next, ...paxOf(text) }
    } else if (letter !== 'g') {
      const path = next.path ?? pathOf(block)
      const target = next.target ?? upToZero(block.subarray(157, 257))
      const kind = next.sparse ? 'sparse' : kinds[letter]
      next = {}
      if (kind === undefined || path.endsWith('/')) continue
      const isLink = kind === 'link' || kind === 'symlink'
      yield {
        name: plain(path),
        kind,
        ...(isLink && { target }),
        offset,
        bytes,
        truncated: offset + bytes > to
      }
    }
  }
  onTruncated()
}

/** A path without `.`, empty parts and a leading `/`. */
export const plain = (path: string) => posix.normalize(path).replace(/^\/+/, '')

/** The end of the blocks that continue a sparse file's map of holes. */
async function endOfMap(read: ReadAt, block: Buffer, offset: number): Promise<number> {
  if (block[482] !== 1) return offset
  const more = Buffer.alloc(BLOCK)
  for (let at = offset; ; at += BLOCK) {
    if ((await read(more, at)) < BLOCK || more[504] !== 1) return at + BLOCK
  }
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
  return textOf(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Parses records `length key=value\n`; the length includes itself. */
function paxOf(text: Buffer): Ahead {
  let found: Ahead = {}
  for (let at = 0; at < text.length; ) {
    const blank = text.indexOf(32, at)
    const length = Number(text.toString('latin1', at, blank))
    const equals = text.indexOf(61, blank)
    if (blank < 0 || !(length > 0) || equals < 0) break
    const key = text.toString('latin1', blank + 1, equals)
    const value = textOf(text.subarray(equals + 1, at + length - 1))
    if (key === 'path' || key === 'GNU.sparse.name') found = { ...found, path: value }
    else if (key === 'linkpath') found = { ...found, target: value }
    else if (key === 'size') found = { ...found, size: Number(value) }
    if (key.startsWith('GNU.sparse.')) found = { ...found, sparse: true }
    at += length
  }
  return found
}
