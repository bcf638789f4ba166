/** The folder that a preparation fills: made, told from others', and cleared of earlier ones. */
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { diskError, errnoOf } from '../../../util/files/errors.ts'
import { DataError } from '../../dataset.ts'
import { MANIFEST, MEAN_IMAGE } from '../stored/manifest.ts'
import { PROGRESS } from './progress.ts'

/** What a preparation writes, in the order in which it is removed: what makes it whole goes first. */
const written = [MANIFEST, PROGRESS, MEAN_IMAGE]
const shard = /^(train|test)-\d+\.shard$/
/** What else may lie there: the lock, and what was half-written. */
const besides = /^(lock|\..*)$/

/**
 * Shards among what they are made from would be found there the next time.
 *
 * @throws DataError where `out` is in `source`
 */
export async function refuseInside(source: string, out: string): Promise<void> {
  const from = await realpath(source).catch(() => resolve(source))
  const way = relative(from, resolve(out))
  if (way !== '' && (way.startsWith('..') || resolve(way) === way)) return
  throw new DataError(
    `[photos] ${out}: expected a folder outside of ${source}, got one inside; choose another folder`
  )
}

/**
 * Makes the folder, unless it is there.
 *
 * @throws DataError where it holds what no preparation writes
 * @throws DiskError
 */
export async function makeFolder(out: string): Promise<void> {
  try {
    await makeWay(out)
    const strange = (await readdir(out)).find(
      (name) => !written.includes(name) && !shard.test(name) && !besides.test(name)
    )
    if (strange === undefined) return
    throw new DataError(
      `[photos] ${out}: expected a new or empty folder, got one that holds ${strange};` +
        ' choose another folder'
    )
  } catch (error) {
    throw diskError('photos', 'make', out, error)
  }
}

/**
 * Makes a folder and those above it. Node's own way of doing so never ends where a folder that is there refuses
 * all others (/proc, a folder that was removed).
 */
async function makeWay(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    const above = dirname(resolve(path))
    if (code !== 'ENOENT' || (await stat(above).catch(() => undefined)) !== undefined) throw error
    await makeWay(above)
    await makeWay(path)
  }
}

/** Removes what an earlier preparation wrote. */
export async function clearFolder(out: string): Promise<void> {
  try {
    const shards = (await readdir(out)).filter((name) => shard.test(name))
    for (const name of [...written, ...shards]) await rm(join(out, name), { force: true })
  } catch (error) {
    throw diskError('photos', 'clear', out, error)
  }
}
