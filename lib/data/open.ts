/** Opens a data set by name or path. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { anyText, callback, maybe, record, whole } from '../util/check/rules.ts'
import { findCifar, loadCifarFolder } from './cifar.ts'
import { DataError, type Dataset } from './dataset.ts'
import { DownloadError, OfflineError } from './download/download.ts'
import { type FashionMnistOptions, loadFashion } from './fashion-mnist.ts'
import { findIdxFolder, loadIdxFolder } from './idx/folder.ts'
import { cifarNames, isCifarName, openCifarSet } from './named/cifar.ts'
import { emnistName, openEmnist } from './named/emnist.ts'
import { idxSets, isIdxSetName, openIdxSet } from './named/mnist.ts'
import { cacheFolder, namedSetRules } from './named/options.ts'
import { openCached } from './photos/cache.ts'
import { openPhotos } from './photos/open.ts'
import { type PrepareOptions, picturesRule } from './photos/prepare/prepare.ts'
import { PROGRESS } from './photos/prepare/progress.ts'
import { MANIFEST } from './photos/stored/manifest.ts'
import { type ShapesOptions, shapes, shapesRule } from './shapes/shapes.ts'

/** Names of data sets that `openData` accepts. */
export const dataNames: readonly string[] = [
  ...Object.keys(idxSets),
  emnistName,
  ...cifarNames,
  'shapes'
]

/** Options of `openData`. */
export interface OpenDataOptions extends Omit<FashionMnistOptions, 'data'> {
  /** Options of `shapes`, if that is opened. */
  readonly shapes?: ShapesOptions | undefined
  /** Number of threads that read and decode photographs. Default: ALEXNODE_THREADS, or one a processor. */
  readonly workers?: number | undefined
  /** How pictures are prepared into the cache. Default: as `prepare` does. */
  readonly photos?: Pick<PrepareOptions, 'size' | 'fit' | 'filter'> | undefined
  /** Called for each photograph that is prepared: images done, images in all, images skipped. */
  readonly onPrepare?: ((done: number, total: number, skipped: number) => void) | undefined
}

const openOptions = record<OpenDataOptions>({
  ...namedSetRules,
  shapes: maybe(shapesRule),
  workers: maybe(whole({ from: 1, to: 1024 })),
  photos: maybe(picturesRule),
  onPrepare: maybe(callback)
})

/**
 * Opens a data set.
 *
 * - One of `dataNames`, such as 'mnist' or 'cifar-10': that set, from the folder of its name in ALEXNODE_DATA or in the
 *   cache, downloaded where it is missing. 'shapes' is drawn.
 * - A path: a folder with four IDX files, CIFAR's binary batches, a set that `prepare` made, or pictures in an
 *   arrangement that `prepare` accepts. Pictures are prepared into the cache on first use.
 * - Nothing: Fashion-MNIST; without a network `shapes`, with a `notice` that says why. A folder that ALEXNODE_DATA
 *   names is never replaced by `shapes`.
 *
 * @throws DataError if the name is unknown, or the data are incomplete or damaged
 * @throws DamagedFileError if a file of a prepared set is damaged
 * @throws OfflineError if a set was named and no mirror answers
 * @throws DownloadError if a set was named and cannot be downloaded
 *
 * @example
 * const data = await openData('photos', { onNotice: console.log })
 * console.log(data.source, data.classes)
 */
export async function openData(
  nameOrFolder?: string,
  options: OpenDataOptions = {}
): Promise<Dataset> {
  checkArguments('data', { nameOrFolder: [nameOrFolder, maybe(anyText)] }, DataError)
  checkOptions('data', options, openOptions, DataError)
  if (nameOrFolder === 'shapes') return shapes(options.shapes)
  if (nameOrFolder === 'fashion-mnist') return loadFashion(options)
  if (nameOrFolder === emnistName) return openEmnist(options)
  if (nameOrFolder !== undefined && isIdxSetName(nameOrFolder)) {
    return openIdxSet(nameOrFolder, options)
  }
  if (nameOrFolder !== undefined && isCifarName(nameOrFolder)) {
    return openCifarSet(nameOrFolder, options)
  }
  if (nameOrFolder !== undefined) return openPath(nameOrFolder, options)
  try {
    return await loadFashion(options)
  } catch (error) {
    if (!(error instanceof OfflineError || error instanceof DownloadError)) throw error
    return shapesInstead(error, options)
  }
}

async function openPath(path: string, options: OpenDataOptions): Promise<Dataset> {
  const { signal } = options
  const found = path === '' ? undefined : await stat(path).catch(() => undefined)
  if (!found) {
    throw new DataError(
      `[data] expected a folder, a tar, a list, or one of ${dataNames.join(', ')}, got '${path}'` +
        (path === '' ? '' : `: ${resolve(path)} does not exist`)
    )
  }
  const idx = await findIdxFolder(path)
  if (idx !== undefined) return loadIdxFolder(idx, { signal })
  const cifar = await findCifar(path)
  if (cifar) return loadCifarFolder(cifar, { signal })
  if (existsSync(join(path, MANIFEST)) || existsSync(join(path, PROGRESS))) {
    return openPhotos(path, { threads: options.workers })
  }
  return openCached(path, {
    cache: options.cache ?? cacheFolder(),
    workers: options.workers,
    photos: options.photos,
    signal,
    onNotice: options.onNotice,
    onProgress: options.onPrepare
  })
}

/** `shapes` in place of Fashion-MNIST, with a notice. */
function shapesInstead(error: Error, options: OpenDataOptions): Dataset {
  const data = shapes(options.shapes)
  const why = error instanceof OfflineError ? 'no network' : 'the download failed'
  const cache = join(resolve(options.cache ?? cacheFolder()), 'fashion-mnist')
  return {
    ...data,
    source: `${data.source}: ${why}, so no Fashion-MNIST`,
    notice:
      `${error.message}\nTraining on the generated set shapes instead. For Fashion-MNIST put` +
      ` its four files\ninto ${cache}, or name their folder.`
  }
}
