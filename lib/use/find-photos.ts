/** Finds photographs by their file names. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { diskError } from '../util/files/errors.ts'

const NAME = /\.(jpe?g|jpe|jfif|png|webp)$/i

/** Photographs of a folder. */
export interface FoundPhotos {
  /** The folder that the names are relative to. */
  readonly folder: string
  /** Sorted by code unit. */
  readonly names: readonly string[]
}

/**
 * Finds JPEG, PNG and WebP files in a folder and its subfolders; `path` may also be one such file.
 * @throws DiskError if it cannot be read
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
