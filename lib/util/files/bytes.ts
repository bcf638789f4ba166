// Whole files in pieces, hashed on the way: memory stays small, and the event loop gets a turn
// after each piece (SHA-256 of 1 MiB takes one to three milliseconds).

import { createHash } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { diskError } from './errors.ts'
import { flushAll } from './flush.ts'

const PIECE = 1 << 20

/** What a file holds: its size in bytes and the SHA-256 of them, in lower-case hex. */
export interface FileDigest {
  readonly bytes: number
  readonly sha256: string
}

/**
 * Writes a new file from parts, in order, and flushes it to the disk (fsync). Nothing is left
 * behind when it fails. The parts must not change until it is done.
 *
 * @throws DiskError when the disk refuses, or the file exists
 */
export async function writeBytes(path: string, parts: Iterable<Uint8Array>): Promise<FileDigest> {
  try {
    const handle = await open(path, 'wx')
    try {
      const digest = await pour(handle, parts)
      await flushAll(handle)
      return digest
    } catch (error) {
      await unlink(path).catch(() => {})
      throw error
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw diskError('file', 'write', path, error)
  }
}

async function pour(handle: FileHandle, parts: Iterable<Uint8Array>): Promise<FileDigest> {
  const hash = createHash('sha256')
  let bytes = 0
  for (const part of parts) {
    for (let from = 0; from < part.byteLength; from += PIECE) {
      const piece = part.subarray(from, from + PIECE)
      const writing = writeAll(handle, piece)
      // The hash is taken while the thread pool writes; a failure must wait for both.
      hash.update(piece)
      await writing
      bytes += piece.byteLength
    }
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Writes all of `bytes` at the end of what was written; a short write is continued. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done)
    done += bytesWritten
  }
}

/**
 * Fills `into` from `position` of the file on.
 *
 * @returns how many bytes were there: fewer than asked for when the file ends before
 */
export async function readAll(
  handle: FileHandle,
  into: Uint8Array,
  position: number
): Promise<number> {
  let done = 0
  while (done < into.byteLength) {
    const length = Math.min(into.byteLength - done, 16 * PIECE)
    const { bytesRead } = await handle.read(into, done, length, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/**
 * Size and SHA-256 of a file, read in pieces.
 *
 * @throws DiskError when it cannot be read
 */
export async function digestFile(path: string): Promise<FileDigest> {
  try {
    const handle = await open(path, 'r')
    try {
      const hash = createHash('sha256')
      const piece = new Uint8Array(PIECE)
      let bytes = 0
      for (;;) {
        const got = await readAll(handle, piece, bytes)
        hash.update(piece.subarray(0, got))
        bytes += got
        if (got < PIECE) return { bytes, sha256: hash.digest('hex') }
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw diskError('file', 'read', path, error)
  }
}
