/** Collects the files of a folder and its folders, of a tar, and of tars in a tar. */
import type { Stats } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { readAll } from '../../../util/files/bytes.ts'
import { diskError, errnoOf } from '../../../util/files/errors.ts'
import { kindFault, NoFileError, openRegular } from '../../../util/files/open.ts'
import { ordered } from '../../../util/ordered.ts'
import { DataError } from '../../dataset.ts'
import { PhotoError } from '../decode.ts'
import { type FilePath, isEscaped, pathIn, pathText, textOf } from './file-names.ts'
import { Findings } from './findings.ts'
import {
  compressionOf,
  isArchiveName,
  isHidden,
  isPictureName,
  isTarName,
  withoutTar
} from './kinds.ts'
import { TarFiles } from './members.ts'
import { tarMembers } from './tar.ts'
import { byName, type SourceFile, stamp, type Tree } from './tree.ts'

/**
 * Lists a folder, a tar, or one file.
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
  return walk.tree(path)
}

/** The tree of files that a list names, anywhere on the disk. */
export function listTree(
  list: string,
  files: readonly SourceFile[],
  stamps: readonly string[]
): Tree {
  const walk = new Walk(undefined)
  walk.files.push(...files)
  walk.stamps.push(...stamps)
  return walk.tree(list)
}

/** The fault of an archive that is no tar. */
const ARCHIVE = 'is an archive: unpack it'

/** Collects files. */
class Walk {
  readonly files: SourceFile[] = []
  readonly stamps: string[] = []
  readonly #findings = new Findings()
  readonly #signal: AbortSignal | undefined
  readonly #tars = new Map<string, Promise<FileHandle>>()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /** The files that were found. */
  tree(path: string): Tree {
    return {
      name: basename(resolve(path)).replace(/\.(tar|txt|csv|tsv|lst|list)$/i, ''),
      files: this.files.sort(byName),
      notes: this.#findings.notes(),
      stamps: this.stamps.sort(),
      read: (file) => this.read(file),
      close: () => this.close()
    }
  }

  /**
   * Adds the files of a folder.
   * @param prefix begins their names
   * @param parents the folders from the root to this one: a link to one of them would not end
   */
  async folder(path: FilePath, prefix: string, parents: readonly Stats[]): Promise<void> {
    this.#signal?.throwIfAborted()
    const names = await readdir(path, { encoding: 'buffer' })
    if (names.length === 0 && prefix !== '') this.#findings.empty.push(prefix.slice(0, -1))
    const looked = ordered(names, 32, async (bytes) => {
      const inner = pathIn(path, bytes)
      const stats = await stat(inner).catch((error: unknown) => errnoOf(error) ?? 'unknown')
      return { name: textOf(bytes), inner, stats }
    })
    for await (const { name, inner, stats } of looked) {
      await this.#entry(prefix + name, inner, stats, parents)
    }
  }

  /** Adds what has a name in a folder. */
  async #entry(name: string, path: FilePath, stats: Stats | string, parents: readonly Stats[]) {
    const { cyclic, escaped, hiddenFolders, hiddenPictures } = this.#findings
    const last = basename(name)
    const isFolder = typeof stats === 'object' && stats.isDirectory()
    if (isHidden(last)) {
      if (isFolder) hiddenFolders.add(name)
      else if (isPictureName(last)) hiddenPictures.push(name)
      return
    }
    if (isEscaped(last)) escaped.push(name)
    if (typeof stats === 'string') this.#faulty(name, path, faultOf(stats))
    else if (stats.isDirectory()) {
      if (parents.some(({ dev, ino }) => dev === stats.dev && ino === stats.ino)) cyclic.push(name)
      else await this.#subfolder(name, path, [...parents, stats])
    } else if (!stats.isFile()) this.#faulty(name, path, kindFault(stats) ?? 'is no file')
    else if (isTarName(name) && typeof path === 'string') {
      await this.#innerTar(name, path, stats)
    } else {
      const fault = isArchiveName(name) ? ARCHIVE : undefined
      this.files.push({ name, bytes: stats.size, path, ...(fault !== undefined && { fault }) })
      this.stamps.push(stamp(name, stats))
    }
  }

  /** Adds a folder in the source. If it cannot be read, the others still can. */
  async #subfolder(name: string, path: FilePath, parents: readonly Stats[]): Promise<void> {
    try {
      await this.folder(path, `${name}/`, parents)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      this.#faulty(name, path, `is a folder that cannot be read (${code})`)
    }
  }

  /** Adds a tar in the source. If it is damaged, the others may be whole. */
  async #innerTar(name: string, path: string, stats: Stats): Promise<void> {
    try {
      await this.tar(path, `${withoutTar(name)}/`, stats)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      this.#damaged(name, path, error)
    }
  }

  /** Records that a tar in the source is damaged. Its members before the damage are used. */
  #damaged(name: string, path: FilePath, error: DataError): void {
    const inside = `${withoutTar(name)}/`
    const used = this.files.filter((file) => file.name.startsWith(inside)).length
    if (used === 0)
      this.#faulty(name, path, 'is compressed or damaged, and no tar that can be read')
    else this.#findings.damaged.push(`${error.message}; the ${used} members before are used.`)
  }

  #faulty(name: string, path: FilePath, fault: string): void {
    this.files.push({ name, bytes: 0, path, fault })
    this.stamps.push(`${name}\t${fault}`)
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
    const { truncated, twice, escaped } = this.#findings
    const onTruncated = () => truncated.push(said)
    const members = new TarFiles()
    const add = () => {
      for (const { name, ...rest } of members.all()) {
        if (isEscaped(name)) escaped.push(prefix + name)
        const fault = rest.fault ?? (isArchiveName(name) ? ARCHIVE : undefined)
        const known = fault === undefined ? {} : { fault }
        this.files.push({ ...rest, ...known, name: prefix + name, path })
      }
    }
    try {
      const bytes = (into: Uint8Array, at: number) => readAll(file, into, at)
      for await (const member of tarMembers(bytes, said, from, to, onTruncated)) {
        this.#signal?.throwIfAborted()
        const { name, offset, bytes, kind } = member
        if (this.#isHiddenMember(prefix, name)) continue
        if (kind === 'file' && isTarName(name)) {
          const end = Math.min(to, offset + bytes)
          await this.#memberTar(path, `${said}, ${name}`, prefix + name, offset, end)
        } else if (members.add(member)) twice.add(prefix + name)
      }
    } finally {
      add()
    }
  }

  async #memberTar(path: string, said: string, name: string, from: number, to: number) {
    try {
      await this.#members(path, said, `${withoutTar(name)}/`, from, to)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      this.#damaged(name, path, error)
    }
  }

  /** Records a member that is hidden, or in a hidden folder. */
  #isHiddenMember(prefix: string, name: string): boolean {
    const parts = name.split('/')
    const at = parts.findIndex(isHidden)
    if (at < 0) return false
    const { hiddenFolders, hiddenPictures } = this.#findings
    if (at < parts.length - 1) hiddenFolders.add(prefix + parts.slice(0, at + 1).join('/'))
    else if (isPictureName(name)) hiddenPictures.push(prefix + name)
    return true
  }

  async read({ name, path, offset, bytes, fault }: SourceFile): Promise<Uint8Array> {
    if (fault !== undefined) throw new PhotoError(fault, name)
    try {
      const file = await (offset === undefined ? openRegular(path) : this.#open(pathText(path)))
      try {
        const into = new Uint8Array(bytes)
        const got = await readAll(file, into, offset ?? 0)
        return got === bytes ? into : into.subarray(0, got)
      } finally {
        if (offset === undefined) await file.close()
      }
    } catch (error) {
      if (error instanceof NoFileError) throw new PhotoError(error.reason, name)
      throw diskError('photos', 'read', pathText(path), error)
    }
  }

  /** Opens a tar, which stays open. */
  #open(path: string): Promise<FileHandle> {
    const known = this.#tars.get(path)
    if (known) return known
    const opened = open(path)
    this.#tars.set(path, opened)
    return opened
  }

  async close(): Promise<void> {
    for (const opened of this.#tars.values()) await (await opened.catch(() => undefined))?.close()
    this.#tars.clear()
  }
}

/** Why a listed file has no stats. */
function faultOf(code: string): string {
  if (code === 'ENOENT') return 'is a link to nothing'
  return code === 'ELOOP' ? 'is a link to itself' : `cannot be read (${code})`
}

async function refuseCompressed(file: FileHandle, path: string): Promise<void> {
  const head = Buffer.alloc(6)
  await readAll(file, head, 0)
  const kind = compressionOf(head)
  if (kind === undefined) return
  const how = kind === 'zip' ? 'unzip' : 'tar xf'
  throw new DataError(
    `[photos] ${path}: expected a plain tar, got one compressed by ${kind}, in which no file can` +
      ` be reached alone; unpack it (${how} ${basename(path)}) and name the folder`
  )
}
