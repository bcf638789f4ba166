/**
 * Writes, reads and hashes files in pieces: memory stays small, and the event loop gets a turn after each piece
 * (SHA-256 of 1 MiB takes one to three milliseconds).
 */

import { createHash } from 'node:crypto'
import { type FileHandle, unlink } from 'node:fs/promises'
import { onDisk } from './errors.ts'
import { flushAll } from './flush.ts'
import { type FileFlags, openFile } from './open.ts'

const PIECE = 1 << 20

/** Size and hash of a file. */
export interface FileDigest {
  /** Size in bytes. */
  readonly bytes: number
  /** SHA-256 in lower-case hex. */
  readonly sha256: string
}

/** Opens a file or folder, and closes it when `work` is done. A pipe is refused, see `openFile`. */
export async function withFile<Result>(
  path: string,
  flags: FileFlags,
  work: (handle: FileHandle) => Promise<Result>
): Promise<Result> {
  const handle = await openFile(path, flags)
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/**
 * Writes a new file and flushes it to the disk (fsync). A failure leaves no file.
 *
 * @param parts the file's bytes, in order; they must not change until it is written
 * @throws DiskError if the disk refuses, or the file exists
 */
export function writeBytes(path: string, parts: Iterable<Uint8Array>): Promise<FileDigest> {
  const write = async (handle: FileHandle) => {
    try {
      const digest = await writeParts(handle, parts)
      await flushAll(handle)
      return digest
    } catch (error) {
      await unlink(path).catch(() => {})
      throw error
    }
  }
  return onDisk('file', 'write', path, () => withFile(path, 'wx', write))
}

async function writeParts(handle: FileHandle, parts: Iterable<Uint8Array>): Promise<FileDigest> {
  const hash = createHash('sha256')
  let bytes = 0
  for (const part of parts) {
    for (let from = 0; from < part.byteLength; from += PIECE) {
      const piece = part.subarray(from, from + PIECE)
      const writing = writeAll(handle, piece)
      // Hashed while the thread pool writes.
      hash.update(piece)
      await writing
      bytes += piece.byteLength
    }
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Appends all of `bytes`; a short write is continued. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done)
    done += bytesWritten
  }
}

/**
 * Fills `into` with the file's bytes from `position` on.
 *
 * @returns the number of bytes read: fewer than `into` holds if the file ends before
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
 * Reads a file of text.
 *
 * @throws DiskError if it cannot be read
 */
export function readText(topic: string, path: string): Promise<string> {
  return onDisk(topic, 'read', path, () =>
    withFile(path, 'r', async (handle) => {
      const bytes = await handle.readFile()
      return bytes.toString('utf8')
    })
  )
}

/**
 * Hashes a file.
 *
 * @throws DiskError if it cannot be read
 */
export function digestFile(path: string): Promise<FileDigest> {
  const digest = async (handle: FileHandle) => {
    const hash = createHash('sha256')
    const piece = new Uint8Array(PIECE)
    let bytes = 0
    for (;;) {
      const got = await readAll(handle, piece, bytes)
      hash.update(piece.subarray(0, got))
      bytes += got
      if (got < PIECE) return { bytes, sha256: hash.digest('hex') }
    }
  }
  return onDisk('file', 'read', path, () => withFile(path, 'r', digest))
}
