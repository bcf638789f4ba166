/** EMNIST's letters by name: four files of the publisher's zip archive of gzipped IDX files. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { onDisk } from '../../util/files/errors.ts'
import { unzip } from '../../util/files/zip.ts'
import { DataError, type Dataset } from '../dataset.ts'
import { findIdxFiles, type IdxFilesOptions, type IdxPaths, loadIdxFiles } from '../idx/folder.ts'
import {
  cachedFolder,
  dataFolder,
  downloadAll,
  type NamedSetOptions,
  type Origin
} from './options.ts'

/** The set's name. */
export const emnistName = 'emnist-letters'

const archive = 'gzip.zip'
const origin: Origin = {
  mirrors: [
    'https://biometrics.nist.gov/cs_links/EMNIST/',
    'https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/'
  ],
  md5: {
    [archive]: '58c8d27c78d21e728a6bc7b3cc06412e',
    'emnist-letters-train-images-idx3-ubyte.gz': '8795078f199c478165fe18db82625747',
    'emnist-letters-train-labels-idx1-ubyte.gz': 'c16de4f1848ddcdddd39ab65d2a7be52',
    'emnist-letters-test-images-idx3-ubyte.gz': '382093a19703f68edac6d01b8dfdfcad',
    'emnist-letters-test-labels-idx1-ubyte.gz': 'd4108920cd86601ec7689a97f2de7f59'
  }
}

/** Names of the files, without `.gz`. */
const names: IdxPaths = {
  trainImages: 'emnist-letters-train-images-idx3-ubyte',
  trainLabels: 'emnist-letters-train-labels-idx1-ubyte',
  testImages: 'emnist-letters-test-images-idx3-ubyte',
  testLabels: 'emnist-letters-test-labels-idx1-ubyte'
}

/** The files count letters from 1. */
const form: IdxFilesOptions = {
  name: emnistName,
  classes: Array.from('abcdefghijklmnopqrstuvwxyz'),
  firstLabel: 1
}

/**
 * Loads EMNIST's letters into memory: 124,800 + 20,800 grey images [28, 28, 1] of 26 letters, upper and lower case in
 * one class. It looks in the folder `emnist-letters` in ALEXNODE_DATA, then in the cache, and downloads the publisher's
 * archive of all EMNIST (560 MB) where the cache lacks them, of which it keeps these four files. Source: Cohen, Afshar,
 * Tapson and van Schaik, "EMNIST: an extension of MNIST to handwritten letters", 2017; MD5 as torchvision has them.
 *
 * @throws DataError if the archive or a file is damaged
 * @throws DiskError if the archive cannot be unpacked
 * @throws OfflineError if a download is needed and no mirror answers
 * @throws DownloadError if the right file is not served, or the cache cannot be written
 */
export async function openEmnist(options: NamedSetOptions = {}): Promise<Dataset> {
  const { signal } = options
  const own = dataFolder()
  const folders = [
    ...(own === undefined ? [] : [join(own, emnistName)]),
    cachedFolder(emnistName, options)
  ]
  for (const folder of folders) {
    const { found, missing } = await findIdxFiles(folder, `${emnistName}-`)
    if (missing.length === 0) return loadIdxFiles(folder, found, missing, { ...form, signal })
  }
  const folder = cachedFolder(emnistName, options)
  const path = join(folder, archive)
  // An archive of this name was verified: an earlier attempt ended before it was unpacked.
  const hosts = await downloadAll(existsSync(path) ? [] : [archive], folder, origin, options)
  await unpack(path, folder, options)
  await rm(path, { force: true })
  const { found, missing } = await findIdxFiles(folder, `${emnistName}-`)
  const source =
    hosts.length === 0 ? undefined : `downloaded from ${hosts.join(' and ')} to ${folder}`
  return loadIdxFiles(folder, found, missing, { ...form, ...(source && { source }), signal })
}

/** Takes the four files out of the archive, and verifies them. */
async function unpack(
  path: string,
  folder: string,
  { md5 = origin.md5, signal }: NamedSetOptions
): Promise<void> {
  const files = new Map(
    Object.values(names).map((name) => [`${name}.gz`, join(folder, `${name}.gz`)])
  )
  const advice = `delete ${path}, and run again`
  const lacking = await onDisk('data', 'unpack', path, () =>
    unzip(path, files, signal).catch((cause: unknown) => {
      // Errors of the system have a code; those of yauzl have none.
      if (!(cause instanceof Error) || 'code' in cause || signal?.aborted) throw cause
      const what = `expected a zip archive, got a damaged one (${cause.message})`
      throw new DataError(`[data] ${path}: ${what}; ${advice}`, { cause })
    })
  )
  if (lacking.length > 0) {
    throw new DataError(`[data] ${path}: expected ${lacking.join(', ')} in it, got none; ${advice}`)
  }
  for (const [name, file] of files) {
    const hash = createHash('md5')
    await onDisk('data', 'read', file, () => pipeline(createReadStream(file), hash))
    const got = hash.digest('hex')
    if (got === md5[name]) continue
    await rm(file, { force: true })
    throw new DataError(
      `[data] ${path}: expected ${name} of MD5 ${md5[name]}, got ${got}; ${advice}`
    )
  }
}
