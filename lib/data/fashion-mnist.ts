/**
 * Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28×28, ten classes. From Xiao, Rasul and
 * Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
 * 2017; MIT licence.
 */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { DataError, type Dataset } from './dataset.ts'
import { type DownloadProgress, download } from './download/download.ts'
import { findIdxFiles, findIdxFolder, loadIdxFolder } from './idx/folder.ts'

/** Options of `fashionMnist`. */
export interface FashionMnistOptions {
  /**
   * A folder with the four IDX files, or with a `fashion-mnist` folder that has them. Default: the environment
   * variable ALEXNODE_DATA, else the cache.
   */
  readonly data?: string | undefined
  /**
   * The cache: its folder `fashion-mnist` is searched and receives downloads. Default: `alexnode` in
   * XDG_CACHE_HOME or ~/.cache.
   */
  readonly cache?: string | undefined
  /** Aborts downloading and reading. */
  readonly signal?: AbortSignal | undefined
  /** Called as bytes of a download arrive. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Called with notices for people during a download, such as a mirror that failed. */
  readonly onNotice?: ((text: string) => void) | undefined
  /** Base addresses of the four .gz files. Default: the official two. */
  readonly mirrors?: readonly string[] | undefined
  /** MD5 of each .gz file by name. Default: the published ones. */
  readonly md5?: Readonly<Record<string, string>> | undefined
}

const MIRRORS = [
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/'
]
const MD5: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
  'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
  't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
  't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310'
}

/** The folder that ALEXNODE_DATA names, if any. */
export function dataFolder(): string | undefined {
  return process.env.ALEXNODE_DATA || undefined
}

/** The default cache: `alexnode` in XDG_CACHE_HOME (if absolute) or ~/.cache. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'alexnode')
}

/**
 * Loads Fashion-MNIST, 60,000 training and 10,000 test images [28, 28, 1] of ten classes, into memory. It looks in
 * `data`, else in ALEXNODE_DATA, else in the cache, and downloads what the cache lacks (30 MB). Downloads are
 * verified by MD5. Source: Xiao, Rasul and Vollgraf 2017, MIT licence.
 *
 * @throws DataError if a named folder is missing or lacks a file, or a file is damaged
 * @throws OfflineError if a download is needed and no mirror answers
 * @throws DownloadError if no mirror serves the right file, or the cache cannot be written
 *
 * @example
 * const data = await fashionMnist()
 * console.log(data.source, data.train.length)
 */
export async function fashionMnist(options: FashionMnistOptions = {}): Promise<Dataset> {
  const { signal } = options
  if (options.data !== undefined) return loadNamed(options.data, options.data, signal)
  const folder = dataFolder()
  if (folder !== undefined) return loadNamed(folder, `ALEXNODE_DATA=${folder}`, signal)

  const cache = join(resolve(options.cache ?? cacheFolder()), 'fashion-mnist')
  const { missing } = await findIdxFiles(cache)
  const { mirrors = MIRRORS, md5 = MD5, ...rest } = options
  const hosts = new Set<string>()
  for (const name of missing) {
    const url = await download({
      ...rest,
      urls: mirrors.map((mirror) => (mirror.endsWith('/') ? mirror : `${mirror}/`) + name),
      path: join(cache, name),
      md5: md5[name] ?? ''
    })
    hosts.add(new URL(url).host)
  }
  if (hosts.size === 0) return loadIdxFolder(cache, { signal })
  const source = `downloaded from ${[...hosts].join(' and ')} to ${cache}`
  return loadIdxFolder(cache, { signal, source })
}

/**
 * Loads a folder that the user named, never another one.
 *
 * @param said how the user named it, for messages
 */
async function loadNamed(
  folder: string,
  said: string,
  signal: AbortSignal | undefined
): Promise<Dataset> {
  const place = await findIdxFolder(folder)
  if (place !== undefined) return loadIdxFolder(place, { signal })
  throw new DataError(
    `[data] ${said}: expected a folder with four IDX files (train-images-idx3-ubyte.gz, …)` +
      ` or with fashion-mnist/, got none in ${resolve(folder)}; check the path`
  )
}
