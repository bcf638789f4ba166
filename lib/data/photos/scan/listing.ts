/** Labelled files, and how they become a source. */
import { createHash } from 'node:crypto'
import type { SourceFile, Tree } from '../files/tree.ts'
import type { Skipped, Source, SourcePart } from './source.ts'

/** A file and its class. */
export interface Item {
  readonly file: SourceFile
  readonly label: number
}

/** The labelled files of one part. */
export interface Group {
  readonly kind: string
  readonly classes: readonly string[]
  readonly items: readonly Item[]
  readonly skipped: readonly Skipped[]
  /** How the classes were found, where that was a guess, and what was left out. */
  readonly notes: readonly string[]
}

/** Labelled files, in parts. */
export interface Listing {
  readonly kind: string
  readonly classes: readonly string[]
  readonly train: readonly Item[]
  readonly test?: readonly Item[]
  readonly skipped: readonly Skipped[]
  readonly notes: readonly string[]
}

/** Makes a source of files. They are read on demand. */
export function fileSource(tree: Tree, listing: Listing): Source {
  const { kind, classes, skipped, notes, train, test } = listing
  const part = (items: readonly Item[]): SourcePart => {
    const at = (i: number) => {
      const item = items[i]
      if (!item) throw new RangeError(`[photos] expected an image below ${items.length}, got ${i}`)
      return item
    }
    return {
      length: items.length,
      name: (i) => at(i).file.name,
      label: (i) => at(i).label,
      bytes: (i) => at(i).file.bytes,
      read: async (i) => ({ encoded: await tree.read(at(i).file) })
    }
  }
  return {
    name: tree.name,
    kind,
    classes,
    skipped,
    notes,
    train: part(train),
    ...(test && { test: part(test) }),
    stamp: stampOf(tree.stamps),
    close: () => tree.close()
  }
}

/** Hash of lines. */
export function stampOf(lines: readonly string[]): string {
  const hash = createHash('sha256')
  for (const line of lines) hash.update(`${line}\n`)
  return hash.digest('hex')
}
