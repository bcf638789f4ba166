/** Makes, checks and clears the folder of a preparation. */
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { errnoOf, onDisk } from '../../../util/files/errors.ts'
import { DataError } from '../../dataset.ts'
import { MANIFEST, MEAN_IMAGE } from '../stored/manifest.ts'
import { PROGRESS } from './progress.ts'

/** Files of a preparation, in the order of removal: first the one that marks it as finished. */
const written = [MANIFEST, PROGRESS, MEAN_IMAGE]
const shard = /^(train|test)-\d+\.shard$/
/** What else may be there: the lock and temporary files. */
const others = /^(lock|\..*)$/

/**
 * Refuses a folder inside the source: the next scan would find its shards.
 *
 * @throws DataError if `out` is in `source`
 */
export async function refuseInside(source: string, out: string): Promise<void> {
  const from = await realpath(source).catch(() => resolve(source))
  const path = relative(from, resolve(out))
  if (path !== '' && (path.startsWith('..') || resolve(path) === path)) return
  throw new DataError(
    `[photos] ${out}: expected a folder outside of ${source}, got one inside; choose another folder`
  )
}

/**
 * Makes the folder, unless it exists.
 *
 * @throws DataError if it holds files that no preparation writes
 * @throws DiskError if the disk refuses
 */
export async function makeFolder(out: string): Promise<void> {
  const strange = await onDisk('photos', 'make', out, async () => {
    await makeFolders(out)
    return (await readdir(out)).find(
      (name) => !written.includes(name) && !shard.test(name) && !others.test(name)
    )
  })
  if (strange === undefined) return
  throw new DataError(
    `[photos] ${out}: expected a new or empty folder, got one that holds ${strange};` +
      ' choose another folder'
  )
}

/**
 * Makes a folder and its parents. Node's `recursive` never returns if an existing parent refuses new folders (/proc,
 * a folder that was removed).
 */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    const parent = dirname(resolve(path))
    if (code !== 'ENOENT' || (await stat(parent).catch(() => undefined)) !== undefined) throw error
    await makeFolders(parent)
    await makeFolders(path)
  }
}

/** Removes the files of an earlier preparation. */
export async function clearFolder(out: string): Promise<void> {
  await onDisk('photos', 'clear', out, async () => {
    const shards = (await readdir(out)).filter((name) => shard.test(name))
    for (const name of [...written, ...shards]) await rm(join(out, name), { force: true })
  })
}
