/** CIFAR-10 and CIFAR-100 by name: the publisher's archive of binary batches. */
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { writeFolder } from '../../util/files/atomic.ts'
import { readAll, withFile, writeBytes } from '../../util/files/bytes.ts'
import { onDisk } from '../../util/files/errors.ts'
import { findCifar, loadCifarFolder } from '../cifar.ts'
import { DataError, type Dataset } from '../dataset.ts'
import { tarMembers } from '../photos/files/tar.ts'
import {
  cachedFolder,
  dataFolder,
  downloadAll,
  type NamedSetOptions,
  type Origin
} from './options.ts'

/**
 * The archives by name. Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009; addresses
 * and MD5 as on the author's page.
 */
const archives = {
  'cifar-10': { file: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' },
  'cifar-100': { file: 'cifar-100-binary.tar.gz', md5: '03b5dce01913d631647c71ecec9e9cb8' }
} as const

export type CifarName = keyof typeof archives

/** Names of CIFAR's sets. */
export const cifarNames = Object.keys(archives).filter(isCifarName)

/** True for the name of one of CIFAR's sets. */
export function isCifarName(name: string): name is CifarName {
  return Object.hasOwn(archives, name)
}

/**
 * Loads a CIFAR set into memory: colour images [32, 32, 3]. It looks in the folder of the set's name in ALEXNODE_DATA,
 * then in the cache, and downloads and unpacks the archive (170 MB) where the cache lacks it.
 *
 * @throws DataError if the archive or a batch is damaged
 * @throws DiskError if a batch cannot be read, or the archive cannot be unpacked
 * @throws OfflineError if a download is needed and the publisher does not answer
 * @throws DownloadError if the right file is not served, or the cache cannot be written
 */
export async function openCifarSet(
  name: CifarName,
  options: NamedSetOptions = {}
): Promise<Dataset> {
  const { signal } = options
  const own = dataFolder()
  const known = own === undefined ? undefined : await found(join(own, name), name)
  if (known) return loadCifarFolder(known, { signal })
  const folder = cachedFolder(name, options)
  const batches = join(folder, `${name}-binary`)
  const cached = (await found(batches, name)) ?? (await found(folder, name))
  if (cached) return loadCifarFolder(cached, { signal })
  const { file, md5 } = archives[name]
  const origin: Origin = { mirrors: ['https://www.cs.toronto.edu/~kriz/'], md5: { [file]: md5 } }
  const archive = join(folder, file)
  // An archive of this name was verified: an earlier attempt ended before it was unpacked.
  const missing = existsSync(archive) ? [] : [file]
  const hosts = await downloadAll(missing, folder, origin, options)
  await unpack(archive, batches, signal)
  await rm(archive, { force: true })
  const unpacked = await found(batches, name)
  if (!unpacked) {
    throw new DataError(
      `[data] ${archive}: expected the batches of ${name}, got none; delete it, and run again`
    )
  }
  const data = await loadCifarFolder(unpacked, { signal })
  if (hosts.length === 0) return data
  return { ...data, source: `downloaded from ${hosts.join(' and ')} to ${folder}` }
}

async function found(folder: string, name: CifarName) {
  const cifar = await findCifar(folder)
  return cifar?.kind.name === name ? cifar : undefined
}

/** True for an error of zlib: the bytes are no valid gzip. */
function isZlibError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}

/** Unpacks the files of a .tar.gz into a folder, without the folders in it. */
async function unpack(
  archive: string,
  folder: string,
  signal: AbortSignal | undefined
): Promise<void> {
  const tar = `${archive}.unpacked`
  try {
    await onDisk('data', 'unpack', archive, async () => {
      const steps = [createReadStream(archive), createGunzip(), createWriteStream(tar)] as const
      await pipeline(...steps, { signal }).catch((cause: unknown) => {
        if (!isZlibError(cause)) throw cause
        throw new DataError(
          `[data] ${archive}: expected a gzipped tar, got a damaged one (${cause.code}); delete it, and run again`,
          { cause }
        )
      })
    })
    await writeFolder(folder, (temporary) => unpackTar(tar, archive, temporary, signal))
  } catch (error) {
    // Another process may have unpacked it meanwhile.
    if (!existsSync(folder)) throw error
  } finally {
    await rm(tar, { force: true })
  }
}

/** Writes the files of a tar into a folder. */
async function unpackTar(
  tar: string,
  archive: string,
  folder: string,
  signal: AbortSignal | undefined
): Promise<void> {
  await withFile(tar, 'r', async (file) => {
    const { size } = await file.stat()
    const read = (into: Uint8Array, at: number) => readAll(file, into, at)
    for await (const member of tarMembers(read, archive, 0, size, () => {})) {
      signal?.throwIfAborted()
      if (member.kind !== 'file') continue
      if (member.truncated) {
        throw new DataError(
          `[data] ${archive}: expected whole batches, got a part; delete it, and run again`
        )
      }
      const bytes = Buffer.alloc(member.bytes)
      await readAll(file, bytes, member.offset)
      await writeBytes(join(folder, basename(member.name)), [bytes])
    }
  })
}
