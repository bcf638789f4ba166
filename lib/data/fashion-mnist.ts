/**
 * Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28×28, ten classes. From Xiao, Rasul and
 * Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
 * 2017; MIT licence.
 */
import { resolve } from 'node:path'
import { checkOptions } from '../util/check/check.ts'
import { anyText, maybe, record } from '../util/check/rules.ts'
import { DataError, type Dataset } from './dataset.ts'
import { findIdxFolder, loadIdxFolder } from './idx/folder.ts'
import { openIdxSet } from './named/mnist.ts'
import { dataFolder, type NamedSetOptions, namedSetRules } from './named/options.ts'

/** Options of `fashionMnist`. */
export interface FashionMnistOptions extends NamedSetOptions {
  /**
   * A folder with the four IDX files, or with a `fashion-mnist` folder that has them. Default: the environment
   * variable ALEXNODE_DATA, else the cache.
   */
  readonly data?: string | undefined
}

const fashionOptions = record<FashionMnistOptions>({ ...namedSetRules, data: maybe(anyText) })

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
  checkOptions('data', options, fashionOptions, DataError)
  return loadFashion(options)
}

/** As `fashionMnist`, for options that are checked and may be more. */
export async function loadFashion(options: FashionMnistOptions): Promise<Dataset> {
  const { signal } = options
  if (options.data !== undefined) return loadNamed(options.data, options.data, signal)
  const folder = dataFolder()
  if (folder !== undefined) return loadNamed(folder, `ALEXNODE_DATA=${folder}`, signal)

  return openIdxSet('fashion-mnist', options)
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
