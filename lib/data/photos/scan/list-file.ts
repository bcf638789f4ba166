/** A list file as a source. Its paths are absolute or relative to its folder. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { withFile } from '../../../util/files/bytes.ts'
import { onDisk } from '../../../util/files/errors.ts'
import { kindFault } from '../../../util/files/open.ts'
import { cut } from '../../../util/foreign.ts'
import { ordered } from '../../../util/ordered.ts'
import { DataError } from '../../dataset.ts'
import { type SourceFile, stamp, type Tree } from '../files/tree.ts'
import { listTree } from '../files/walk.ts'
import { type ClassList, parseClassList } from '../lists/class-list.ts'
import { readList } from '../lists/list.ts'
import { decodeText } from '../lists/text.ts'
import { listGroup } from './list-group.ts'
import type { Listing } from './listing.ts'

/** Files that may name numbered classes, one a line. */
const classFiles = ['classes.txt', 'labels.txt', 'synsets.txt']

/** A pipe is refused: reading it might never end. */
function bytesOf(path: string): Promise<Buffer> {
  return onDisk('photos', 'read', path, () => withFile(path, 'r', (file) => file.readFile()))
}

/**
 * Lists the pictures of a list file.
 *
 * @throws DiskError if the list cannot be read
 * @throws DataError if it names no picture with a class
 */
export async function scanListFile(
  path: string
): Promise<{ readonly tree: Tree; readonly listing: Listing }> {
  const name = basename(path)
  const folder = dirname(resolve(path))
  const text = decodeText(await bytesOf(path))
  const files = new FilesOnDisk(folder)
  const list = await readList(text, name, (paths) => files.existing(paths))
  await files.existing(list.lines.map(({ path }) => path))
  const names = await classList(folder, name)
  const find = (path: string) => files.found.get(path)
  const group = listGroup(list, { find, names })
  const { classes, items: train, skipped, notes } = group
  const first = skipped[0]
  if (train.length === 0) {
    const why = list.reason ?? (first ? `${first.file} ${first.reason}` : notes[0])
    throw new DataError(
      `[photos] ${path}: expected lines 'path label' that name pictures, got ${list.lines.length} lines,` +
        ` none of which does${why === undefined ? '' : `: ${cut(why)}`}`
    )
  }
  const sources = new Map([...files.found.values()].map((file) => [file.name, file]))
  const tree = listTree(path, [...sources.values()], [name, text, ...files.stamps])
  return { tree, listing: { kind: 'a list', classes, train, skipped, notes } }
}

/** Files by the paths that a list writes for them. */
class FilesOnDisk {
  readonly found = new Map<string, SourceFile>()
  readonly stamps: string[] = []
  readonly #folder: string
  readonly #asked = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Those of the paths that are files. */
  async existing(paths: readonly string[]): Promise<ReadonlySet<string>> {
    const asked = paths.filter((path) => path !== '' && !this.#asked.has(path))
    const looked = ordered(new Set(asked), 32, async (name) => ({
      name,
      file: await this.#look(name)
    }))
    for await (const { name, file } of looked) {
      this.#asked.add(name)
      if (file) this.found.set(name, file)
    }
    return new Set(paths.filter((path) => this.found.has(path)))
  }

  async #look(written: string): Promise<SourceFile | undefined> {
    for (const name of new Set([written, written.replaceAll('\\', '/')])) {
      const path = resolve(this.#folder, name)
      const stats = await stat(path).catch(() => undefined)
      // The list's own folder is no picture.
      if (!stats || stats.isDirectory()) continue
      this.stamps.push(stamp(name, stats))
      const fault = kindFault(stats)
      return { name, bytes: stats.size, path, ...(fault !== undefined && { fault }) }
    }
    return
  }
}

async function classList(folder: string, list: string): Promise<ClassList | undefined> {
  for (const name of classFiles) {
    if (name === list) continue
    const path = join(folder, name)
    const bytes = await withFile(path, 'r', (file) => file.readFile()).catch(() => undefined)
    if (bytes !== undefined) return parseClassList(decodeText(bytes), name)
  }
  return
}
