/** A list file as a source. Its paths are absolute or relative to its folder. */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { onDisk } from '../../../util/files/errors.ts'
import { ordered } from '../../../util/ordered.ts'
import { DataError } from '../../dataset.ts'
import { type SourceFile, stamp, type Tree } from '../files/tree.ts'
import { listTree } from '../files/walk.ts'
import { listed, parseList } from '../lists/lists.ts'
import type { Listing } from './listing.ts'

/** Files that may name numbered classes, one a line. */
const classFiles = ['classes.txt', 'labels.txt', 'synsets.txt']

/**
 * Lists the pictures of a list file.
 *
 * @throws DiskError if the list cannot be read
 * @throws DataError if it names no picture with a class
 */
export async function scanListFile(
  path: string
): Promise<{ readonly tree: Tree; readonly listing: Listing }> {
  const list = basename(path)
  const folder = dirname(resolve(path))
  const text = await onDisk('photos', 'read', path, () => readFile(path, 'utf8'))
  const lines = parseList(text, list)
  const found = new Map<string, SourceFile>()
  const stamps = [list, text]
  const looked = ordered(lines, 32, async ({ path: name }) => {
    const whole = resolve(folder, name)
    return { name, path: whole, stats: await stat(whole).catch(() => undefined) }
  })
  for await (const { name, path, stats } of looked) {
    if (!stats?.isFile()) continue
    found.set(name, { name, bytes: stats.size, path })
    stamps.push(stamp(name, stats))
  }
  const names = await classList(folder)
  const group = listed(lines, { list, names, find: (path) => found.get(path) })
  const { classes, items: train, skipped } = group
  const first = skipped[0]
  if (train.length === 0) {
    const why = first ? `: ${first.file} ${first.reason}` : ''
    throw new DataError(
      `[photos] ${path}: expected lines 'path label' that name pictures, got ${lines.length} lines,` +
        ` none of which does${why}`
    )
  }
  const tree = listTree(path, [...found.values()], stamps)
  return { tree, listing: { kind: 'a list', classes, train, skipped, notes: [] } }
}

async function classList(folder: string): Promise<readonly string[] | undefined> {
  for (const name of classFiles) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => undefined)
    if (text !== undefined) return text.split(/\r?\n/).filter((line) => line.trim() !== '')
  }
  return
}
