/** Opens a path as a source of images. */
import { stat } from 'node:fs/promises'
import { onDisk } from '../../../util/files/errors.ts'
import { findCifar, loadCifarFolder } from '../../cifar.ts'
import { DataError } from '../../dataset.ts'
import { findIdxFolder, loadIdxFolder } from '../../idx/folder.ts'
import { isTextName } from '../files/kinds.ts'
import { openTree } from '../files/walk.ts'
import { datasetSource } from './dataset.ts'
import { scanListFile } from './list-file.ts'
import { fileSource } from './listing.ts'
import { scanTree } from './parts.ts'
import { unwrappedTree } from './root.ts'
import type { Source } from './source.ts'

/** Options of `openSource`. */
export interface SourceOptions {
  /**
   * Folders that make the name of a class: 1 takes `pets` of `pets/cat/1.jpg`, 2 takes `pets/cat`. Folders around all
   * classes, and those of parts, do not count. Default 1.
   */
  readonly classDepth?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a folder, tar or list of labelled images. Decodes nothing.
 *
 * @throws DataError if it holds none, or is damaged or compressed
 * @throws DiskError if it cannot be read
 */
export async function openSource(
  path: string,
  { signal, classDepth }: SourceOptions = {}
): Promise<Source> {
  const stats = await onDisk('photos', 'read', path, () => stat(path))
  if (stats.isDirectory()) {
    const idx = await findIdxFolder(path)
    if (idx !== undefined) return datasetSource(await loadIdxFolder(idx, { signal }), 'IDX files')
  } else if (!stats.isFile()) {
    throw new DataError(
      `[photos] ${path}: expected a folder, a tar or a list, got a device or pipe`
    )
  }
  const cifar = await findCifar(path)
  if (cifar) return datasetSource(await loadCifarFolder(cifar, { signal }), "CIFAR's batches")
  if (stats.isFile() && isTextName(path)) {
    const { tree, listing } = await scanListFile(path)
    return fileSource(tree, listing)
  }
  const tree = unwrappedTree(await openTree(path, signal))
  try {
    return fileSource(tree, await scanTree(tree, path, classDepth))
  } catch (error) {
    await tree.close()
    throw error
  }
}
