/** Photographs by their names, in a folder and all below it. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { diskError } from '../util/files/errors.ts'

const NAME = /\.(jpe?g|jpe|jfif|png|webp)$/i

export interface FoundPhotos {
  /** The folder that the names begin at. */
  readonly folder: string
  /** Sorted. */
  readonly names: readonly string[]
}

/**
 * The photographs in a folder and below it, or the one that is named; none where there are none.
 * @throws DiskError where it cannot be read
 */
export async function findPhotos(path: string): Promise<FoundPhotos> {
  try {
    if ((await stat(path)).isFile()) {
      return { folder: dirname(path), names: NAME.test(path) ? [basename(path)] : [] }
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true })
    const names = entries
      .filter((entry) => !entry.isDirectory() && NAME.test(entry.name))
      .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    return { folder: path, names: names.sort() }
  } catch (error) {
    throw diskError('photos', 'read', path, error)
  }
}
