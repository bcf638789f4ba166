/** The files of a folder, a tar or a list, by name. A tar appears in names as a folder, without `.tar`. */
import type { Stats } from 'node:fs'
import type { FilePath } from './file-names.ts'

/** A file of a source. */
export interface SourceFile {
  /** Path from the source's root, with `/`. */
  readonly name: string
  readonly bytes: number
  /** The file on the disk that holds it. */
  readonly path: FilePath
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
  /** What was left out, a sentence each. */
  readonly notes: readonly string[]
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

/** Name, size and time of a file. */
export const stamp = (name: string, { size, mtimeMs }: Stats) => `${name}\t${size}\t${mtimeMs}`

/** Orders files by the code units of their names. */
export const byName = (a: SourceFile, b: SourceFile) =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0
