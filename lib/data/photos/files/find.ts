/** Finds the pictures of a folder: the same ones, whatever is done with them. */
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { onDisk } from '../../../util/files/errors.ts'
import { isPicture } from './kinds.ts'
import { openTree } from './walk.ts'

/** A picture that was found. */
export interface FoundPicture {
  /** Path from the folder, with `/`. */
  readonly name: string
  /**
   * Its file, or the bytes of a member of a tar.
   * @throws PhotoError if it cannot be read
   */
  photo(): Promise<Uint8Array | string>
}

/** Pictures of a folder. Close it when they were read. */
export interface FoundPictures {
  /** The folder that the names are relative to. */
  readonly folder: string
  /** Pictures, and what cannot be read and may be one. Sorted by name. */
  readonly pictures: readonly FoundPicture[]
  /** What was left out, a sentence each. */
  readonly notes: readonly string[]
  close(): Promise<void>
}

/**
 * Finds pictures by their names in a folder, its folders and their tars: links are followed, hidden files and folders
 * are left out. A file that is named is a picture, whatever its name.
 *
 * @throws DiskError if the folder cannot be read, or there is no such file
 */
export async function findPictures(path: string, signal?: AbortSignal): Promise<FoundPictures> {
  const stats = await onDisk('photos', 'read', path, () => stat(path))
  if (!stats.isDirectory()) {
    const picture = { name: basename(path), photo: async () => path }
    return { folder: dirname(path), pictures: [picture], notes: [], close: async () => {} }
  }
  const tree = await openTree(path, signal)
  const files = tree.files.filter(isPicture)
  const pictures = files.map((file) => {
    const { name, path, offset, fault } = file
    const isPlain = typeof path === 'string' && offset === undefined && fault === undefined
    return { name, photo: async () => (isPlain ? path : tree.read(file)) }
  })
  return { folder: path, pictures, notes: tree.notes, close: () => tree.close() }
}
