/** From what a person says, or does not say, to a data set. */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DataError, type Dataset } from './dataset.ts'
import { DownloadError, OfflineError } from './download.ts'
import { cacheFolder, type FashionMnistOptions, fashionMnist, loadNamed } from './fashion-mnist.ts'
import { type ShapesOptions, shapes } from './shapes.ts'

/** Names that `openData` knows. */
export const dataNames: readonly string[] = ['fashion-mnist', 'shapes']

/** Options of the data sets that `openData` may open. */
export interface OpenDataOptions extends Omit<FashionMnistOptions, 'data'> {
  /** How `shapes` is drawn, if it comes to that. */
  readonly shapes?: ShapesOptions | undefined
}

/**
 * Opens a data set by name ('fashion-mnist', 'shapes') or by folder (four IDX files, or a
 * `fashion-mnist` folder with them). With nothing named: Fashion-MNIST from ALEXNODE_DATA, from
 * the cache or by download, and where it cannot be downloaded, `shapes`, with a `notice` that says
 * why. A folder that is named (ALEXNODE_DATA names one, too) is never replaced by something else.
 *
 * @throws DataError when the name is unknown, or the folder is missing, incomplete or damaged
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
  if (nameOrFolder !== undefined) return openFolder(nameOrFolder, options.signal)
  try {
    return await fashionMnist(options)
  } catch (error) {
    if (!(error instanceof OfflineError || error instanceof DownloadError)) throw error
    return instead(error, options)
  }
}

async function openFolder(folder: string, signal: AbortSignal | undefined): Promise<Dataset> {
  const found = folder === '' ? undefined : await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) {
    const what = found ? 'is not a folder' : 'does not exist'
    throw new DataError(
      `[data] expected a folder, or one of ${dataNames.join(', ')}, got '${folder}'` +
        (folder === '' ? '' : `: ${resolve(folder)} ${what}`)
    )
  }
  return loadNamed(folder, folder, signal)
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
