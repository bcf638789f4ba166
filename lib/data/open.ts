/** From what a person says, or does not say, to a data set. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { findCifar, loadCifarFolder } from './cifar.ts'
import { DataError, type Dataset } from './dataset.ts'
import { DownloadError, OfflineError } from './download/download.ts'
import { cacheFolder, type FashionMnistOptions, fashionMnist } from './fashion-mnist.ts'
import { findIdxFolder, loadIdxFolder } from './idx/folder.ts'
import { openCached } from './photos/cache.ts'
import { openPhotos } from './photos/open.ts'
import { PROGRESS } from './photos/prepare/progress.ts'
import { MANIFEST } from './photos/stored/manifest.ts'
import { type ShapesOptions, shapes } from './shapes/shapes.ts'

/** Names that `openData` knows. */
export const dataNames: readonly string[] = ['fashion-mnist', 'shapes']

/** Options of the data sets that `openData` may open. */
export interface OpenDataOptions extends Omit<FashionMnistOptions, 'data'> {
  /** How `shapes` is drawn, if it comes to that. */
  readonly shapes?: ShapesOptions | undefined
  /** Threads that read and decode photographs. Default: as many as the machine gives this process. */
  readonly workers?: number | undefined
  /** Told of each image that is prepared: how many of how many, and how many were skipped. */
  readonly onPrepare?: ((done: number, total: number, skipped: number) => void) | undefined
}

/**
 * Opens a data set by name ('fashion-mnist', 'shapes') or by path: a folder with four IDX files (or
 * with a `fashion-mnist` folder that has them), CIFAR's binary batches, a folder that `alexnode
 * prepare` has filled, or pictures in any arrangement that it takes, which are prepared into the
 * cache when they are first used. With nothing named: Fashion-MNIST from ALEXNODE_DATA, from the
 * cache or by download, and where it cannot be downloaded, `shapes`, with a `notice` that says why.
 * A folder that is named (ALEXNODE_DATA names one, too) is never replaced by something else.
 *
 * @throws DataError when the name is unknown, or what is there is incomplete or damaged
 * @throws DamagedFileError when a prepared folder is
 * @throws OfflineError, DownloadError when 'fashion-mnist' was named and cannot be downloaded
 *
 * @example
 * const data = await openData(process.argv[2])
 */
export async function openData(
  nameOrFolder?: string,
  options: OpenDataOptions = {}
): Promise<Dataset> {
  if (nameOrFolder === 'shapes') return shapes(options.shapes)
  if (nameOrFolder === 'fashion-mnist') return fashionMnist(options)
  if (nameOrFolder !== undefined) return openPath(nameOrFolder, options)
  try {
    return await fashionMnist(options)
  } catch (error) {
    if (!(error instanceof OfflineError || error instanceof DownloadError)) throw error
    return instead(error, options)
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
    ...{ cache: options.cache ?? cacheFolder(), workers: options.workers, signal },
    ...{ onNotice: options.onNotice, onProgress: options.onPrepare }
  })
}

/** `shapes` in place of Fashion-MNIST, and says so. */
function instead(error: Error, options: OpenDataOptions): Dataset {
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
