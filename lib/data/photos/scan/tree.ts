/**
 * Lists the files of a source by name: of a folder and its folders, of a tar, and of tars in a tar. A tar appears in
 * names as a folder, without `.tar`.
 */
import type { Stats } from 'node:fs'
import { type FileHandle, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { openFile, readAll } from '../../../util/files/bytes.ts'
import { diskError, errnoOf } from '../../../util/files/errors.ts'
import { ordered } from '../../../util/ordered.ts'
import { DataError } from '../../dataset.ts'
import { PhotoError } from '../decode.ts'
import { type TarMember, tarMembers } from './tar.ts'

/** A file of a source. */
export interface SourceFile {
  /** Path from the source's root, with `/`. */
  readonly name: string
  readonly bytes: number
  /** The file on the disk that holds it. */
  readonly path: string
  /** Offset in that file, for a member of a tar. */
  readonly offset?: number
  /** Why it cannot be read, if that is known already. */
  readonly fault?: string
}

/** The files of a source, sorted by name. */
export interface Tree {
  /** Name of the folder or tar, without `.tar`. */
  readonly name: string
  readonly files: readonly SourceFile[]
  /** Empty folders. */
  readonly empty: readonly string[]
  /** Links to a folder that contains them. */
  readonly cyclic: readonly string[]
  /** Tars that may lack their last members. */
  readonly truncated: readonly string[]
  /** Names, sizes and times of the files on the disk. */
  readonly stamps: readonly string[]
  /**
   * Reads a file.
   * @throws DiskError if it cannot be read
   * @throws PhotoError if the scan found a fault
   */
  read(file: SourceFile): Promise<Uint8Array>
  close(): Promise<void>
}

/** Files of operating systems, which are ignored. */
const ignored = /^(\..*|__MACOSX|Thumbs\.db|desktop\.ini|lost\+found)$/i

/** First bytes, in hex, of compressed files. */
const compressed: readonly (readonly [string, string])[] = [
  ['fd377a585a00', 'xz'],
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['425a68', 'bzip2'],
  ['504b0304', 'zip']
]

/**
 * Lists a folder or a tar.
 *
 * @throws DataError if a tar is compressed or damaged
 * @throws DiskError if the folder or file cannot be read
 */
export async function openTree(path: string, signal?: AbortSignal): Promise<Tree> {
  const walk = new Walk(signal)
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) await walk.folder(path, '', [stats])
    else await walk.tar(path, '', stats)
  } catch (error) {
    await walk.close()
    throw diskError('photos', 'read', path, error)
  }
  return treeOf(path, walk)
}

/** The tree of files that a list names, anywhere on the disk. */
export function listTree(list: string, files: readonly SourceFile[], stamps: readonly string[]) {
  const walk = new Walk(undefined)
  walk.files.push(...files)
  walk.stamps.push(...stamps)
  return { ...treeOf(list, walk), files: walk.files }
}

function treeOf(path: string, walk: Walk): Tree {
  return {
    name: basename(resolve(path)).replace(/\.(tar|txt|csv|tsv|lst|list)$/i, ''),
    files: unwrapped(walk.files.sort(byName)),
    empty: walk.empty.sort(),
    cyclic: walk.cyclic.sort(),
    truncated: walk.truncated.sort(),
    stamps: walk.stamps.sort(),
    read: (file) => walk.read(file),
    close: () => walk.close()
  }
}

const byName = (a: SourceFile, b: SourceFile) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

const withoutTar = (name: string) => name.replace(/\.tar$/i, '')

/** If all files are in one folder of the root, that folder is the root. */
function unwrapped(files: readonly SourceFile[]): readonly SourceFile[] {
  const slash = files[0]?.name.indexOf('/') ?? -1
  const folder = files[0]?.name.slice(0, slash + 1) ?? ''
  if (slash < 0 || files.some(({ name }) => !name.startsWith(folder))) return files
  return unwrapped(files.map((file) => ({ ...file, name: file.name.slice(folder.length) })))
}

/** Collects files. */
class Walk {
  readonly files: SourceFile[] = []
  readonly empty: string[] = []
  readonly cyclic: string[] = []
  readonly truncated: string[] = []
  readonly stamps: string[] = []
  readonly #signal: AbortSignal | undefined
  readonly #tars = new Map<string, Promise<FileHandle>>()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /**
   * Adds the files of a folder.
   * @param prefix begins their names
   * @param parents the folders from the root to this one: a link to one of them would not end
   */
  async folder(path: string, prefix: string, parents: readonly Stats[]): Promise<void> {
    this.#signal?.throwIfAborted()
    const names = (await readdir(path)).filter((name) => !ignored.test(name))
    if (names.length === 0 && prefix !== '') this.empty.push(prefix.slice(0, -1))
    const looked = ordered(names, 32, async (name) => ({
      name,
      stats: await stat(join(path, name)).catch((error: unknown) => errnoOf(error) ?? 'unknown')
    }))
    for await (const { name, stats } of looked) {
      const inner = join(path, name)
      if (typeof stats === 'string') {
        const fault = faultOf(name, stats)
        this.files.push({ name: prefix + name, bytes: 0, path: inner, fault })
      } else if (stats.isDirectory()) {
        if (parents.some(({ dev, ino }) => dev === stats.dev && ino === stats.ino)) {
          this.cyclic.push(prefix + name)
        } else await this.folder(inner, `${prefix}${name}/`, [...parents, stats])
      } else if (/\.tar$/i.test(name)) {
        await this.tar(inner, `${prefix}${withoutTar(name)}/`, stats)
      } else if (stats.isFile()) {
        this.files.push({ name: prefix + name, bytes: stats.size, path: inner })
        this.stamps.push(stamp(prefix + name, stats))
      }
    }
  }

  /** Adds the members of a tar on the disk. */
  async tar(path: string, prefix: string, stats: Stats): Promise<void> {
    const file = await this.#open(path)
    await refuseCompressed(file, path)
    this.stamps.push(stamp(prefix, stats))
    await this.#members(path, path, prefix, 0, stats.size)
  }

  /** Adds the members of a tar, which may itself be a member from byte `from` to byte `to`. */
  async #members(path: string, said: string, prefix: string, from: number, to: number) {
    const file = await this.#open(path)
    const onTruncated = () => this.truncated.push(said)
    for await (const member of tarMembers(file, said, from, to, onTruncated)) {
      this.#signal?.throwIfAborted()
      const { name, offset, bytes } = member
      if (ignored.test(basename(name))) continue
      if (/\.tar$/i.test(name)) {
        const inside = `${prefix}${withoutTar(name)}/`
        await this.#members(path, `${said}, ${name}`, inside, offset, Math.min(to, offset + bytes))
      } else this.files.push(memberFile(path, prefix, member))
    }
  }

  async read({ name, path, offset, bytes, fault }: SourceFile): Promise<Uint8Array> {
    if (fault !== undefined) throw new PhotoError(fault, name)
    try {
      const file = await (offset === undefined ? openFile(path, 'r') : this.#open(path))
      try {
        const into = new Uint8Array(bytes)
        const got = await readAll(file, into, offset ?? 0)
        return got === bytes ? into : into.subarray(0, got)
      } finally {
        if (offset === undefined) await file.close()
      }
    } catch (error) {
      throw diskError('photos', 'read', path, error)
    }
  }

  /** Opens a tar, which stays open. */
  #open(path: string): Promise<FileHandle> {
    const known = this.#tars.get(path)
    if (known) return known
    const opened = openFile(path, 'r')
    this.#tars.set(path, opened)
    return opened
  }

  async close(): Promise<void> {
    for (const opened of this.#tars.values()) await (await opened.catch(() => undefined))?.close()
    this.#tars.clear()
  }
}

/** Why a listed file has no stats. */
function faultOf(name: string, code: string): string {
  if (code !== 'ENOENT') return `cannot be read (${code})`
  return name.includes('\ufffd') ? 'has a name that is not UTF-8' : 'is a link to nothing'
}

function memberFile(path: string, prefix: string, member: TarMember): SourceFile {
  const { name, offset, bytes, truncated } = member
  const fault = truncated ? 'is cut short, as its tar is' : undefined
  return { name: prefix + name, bytes, path, offset, ...(fault !== undefined && { fault }) }
}

/** Name, size and time of a file. */
export const stamp = (name: string, { size, mtimeMs }: Stats) => `${name}\t${size}\t${mtimeMs}`

async function refuseCompressed(file: FileHandle, path: string): Promise<void> {
  const head = Buffer.alloc(6)
  await readAll(file, head, 0)
  const kind = compressed.find(([mark]) => head.toString('hex').startsWith(mark))?.[1]
  if (kind === undefined) return
  const how = kind === 'zip' ? 'unzip' : 'tar xf'
  throw new DataError(
    `[photos] ${path}: expected a plain tar, got one compressed by ${kind}, in which no file can` +
      ` be reached alone; unpack it (${how} ${basename(path)}) and name the folder`
  )
}
