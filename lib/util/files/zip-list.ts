/** The entries of a zip archive, of which those that are stored as they are can be read from any byte on. */
import { createWriteStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Entry } from 'yauzl'
import { cut, shown } from '../foreign.ts'
import { readAll, withFile } from './bytes.ts'
import { DamagedFileError, diskError, errnoOf, onDisk } from './errors.ts'

/** An entry of an archive. */
export interface ZipEntry {
  readonly name: string
  /** Its size, unpacked. */
  readonly bytes: number
  /** True if its bytes are in the archive as they are. */
  readonly stored: boolean
  /** Where its header is in the archive. */
  readonly at: number
}

/** No archive of weights has more entries; a hostile one may have millions. */
const MOST_ENTRIES = 100_000
const LOCAL_HEADER = 30
const LOCAL_MARK = 0x04034b50
const STORED = 0

/**
 * Lists an archive.
 *
 * @param topic begins the errors
 * @throws DamagedFileError for an archive that is damaged, encrypted, or has two entries of one name
 * @throws DiskError if it cannot be read
 */
export async function listZip(topic: string, path: string): Promise<ReadonlyMap<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>()
  await eachEntry(topic, path, (entry) => {
    const { fileName: name, uncompressedSize: bytes, relativeOffsetOfLocalHeader: at } = entry
    if (entries.has(name)) damaged(topic, path, 'names that differ', `${shown(name)} twice`)
    if (entry.isEncrypted()) damaged(topic, path, 'entries that are not encrypted', shown(name))
    if (entries.size >= MOST_ENTRIES) {
      damaged(topic, path, `at most ${MOST_ENTRIES} entries`, 'more')
    }
    entries.set(name, { name, bytes, stored: entry.compressionMethod === STORED, at })
    return undefined
  })
  return entries
}

/**
 * Unpacks one entry, stored or deflated. yauzl checks its size.
 *
 * @param to the new file
 * @throws DamagedFileError for an archive that is damaged
 * @throws DiskError if a file cannot be read or written
 */
export async function unpackEntry(
  topic: string,
  path: string,
  name: string,
  to: string
): Promise<void> {
  await eachEntry(topic, path, (entry, zip) => {
    if (entry.fileName !== name) return undefined
    return zip
      .openReadStreamPromise(entry)
      .then((bytes) => pipeline(bytes, createWriteStream(to, { flags: 'wx' })))
  })
}

type Zip = Awaited<ReturnType<typeof import('yauzl')['openPromise']>>

async function eachEntry(
  topic: string,
  path: string,
  work: (entry: Entry, zip: Zip) => Promise<void> | undefined
): Promise<void> {
  // Loaded here: it is CommonJS, whose require a bundle as ES module does not have.
  const { openPromise } = await import('yauzl')
  try {
    const zip = await openPromise(path)
    try {
      for await (const entry of zip.eachEntry()) await work(entry, zip)
    } finally {
      zip.close()
    }
  } catch (error) {
    if (error instanceof DamagedFileError) throw error
    if (errnoOf(error) !== undefined) throw diskError(topic, 'read', path, error)
    damaged(topic, path, 'a zip archive', error instanceof Error ? cut(error.message) : 'none')
  }
}

/**
 * Reads bytes of an entry that is stored as it is.
 *
 * @param from first byte in the entry
 * @param count at most up to the end of the entry
 * @throws DamagedFileError if the archive ends before, or where the entry is compressed
 */
export async function readStored(
  topic: string,
  path: string,
  { name, at, bytes, stored }: ZipEntry,
  from = 0,
  count = bytes
): Promise<Uint8Array> {
  if (!stored) damaged(topic, path, `${shown(name)} to be stored as it is`, 'it compressed')
  return onDisk(topic, 'read', path, () =>
    withFile(path, 'r', async (handle) => {
      const begin = (await dataOf(topic, path, handle, at)) + from
      const { size } = await handle.stat()
      if (from + count > bytes || begin + count > size) {
        damaged(topic, path, `${from + count} bytes of ${shown(name)}`, 'fewer')
      }
      const data = new Uint8Array(count)
      const got = await readAll(handle, data, begin)
      if (got < count) damaged(topic, path, `${count} bytes of ${shown(name)}`, `${got}`)
      return data
    })
  )
}

/** Where the bytes begin of an entry whose header is at a place. */
async function dataOf(
  topic: string,
  path: string,
  handle: FileHandle,
  at: number
): Promise<number> {
  const header = new Uint8Array(LOCAL_HEADER)
  const got = await readAll(handle, header, at)
  const view = new DataView(header.buffer)
  if (got < LOCAL_HEADER || view.getUint32(0, true) !== LOCAL_MARK) {
    damaged(topic, path, `the header of an entry at byte ${at}`, 'none')
  }
  return at + LOCAL_HEADER + view.getUint16(26, true) + view.getUint16(28, true)
}

function damaged(topic: string, path: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `[${topic}] ${path}: expected ${expected}, got ${got}; the archive is damaged: fetch it again`
  )
}
