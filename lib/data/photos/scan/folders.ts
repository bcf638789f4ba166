/** Folders of classes, and how a tree's folders lie. */

import { counted } from '../../../util/words.ts'
import { isPicture, isPictureName } from '../files/kinds.ts'
import type { SourceFile } from '../files/tree.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

/** Number of pictures in each folder of a folder, at any depth; folders without are left out. */
export function foldersIn(
  files: readonly SourceFile[],
  prefix: string
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { name } of files) {
    if (!name.startsWith(prefix) || !isPictureName(name)) continue
    const slash = name.indexOf('/', prefix.length)
    if (slash < 0) continue
    const folder = name.slice(prefix.length, slash)
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  return counts
}

/** The pictures of a folder that are in none of its folders. */
export const directPictures = (files: readonly SourceFile[], prefix: string) =>
  files.filter(
    (file) =>
      file.name.startsWith(prefix) && !file.name.includes('/', prefix.length) && isPicture(file)
  )

const IMAGES = /^(images?|imgs?|jpegimages|jpe?gs?|photos?|pictures|pics|data)$/i
const ANNOTATIONS =
  /^(annotations?|labels?|masks?|trimaps?|segmentations?|Segmentation(Class|Object)|bbox(es)?|boxes|lists?|ImageSets|attributes|parts|meta(data)?|ground[_-]?truth|gt)$/i

/** The folder in which the classes lie, and what lies beside it. */
export interface Base {
  /** Ends with a slash, unless it is empty. */
  readonly prefix: string
  /** Folders beside it: 'annotations (12 pictures)'. */
  readonly beside: readonly string[]
}

/**
 * Goes down from a folder as long as it only holds another: one folder with folders of pictures, or `images` beside
 * `annotations`.
 *
 * @param depth folders that make the name of a class
 */
export function baseOf(files: readonly SourceFile[], prefix: string, depth = 1): Base {
  const beside: string[] = []
  for (let base = prefix; ; ) {
    const folders = foldersIn(files, base)
    const names = [...folders.keys()]
    const images = names.filter((name) => IMAGES.test(name))
    const others = names.filter((name) => !IMAGES.test(name))
    const only = images.length === 1 && others.every((name) => ANNOTATIONS.test(name))
    const next = only ? images[0] : names.length === 1 ? names[0] : undefined
    if (
      next === undefined ||
      directPictures(files, base).some(({ fault }) => fault === undefined)
    ) {
      return { prefix: base, beside }
    }
    if (!only && !isDeep(files, `${base}${next}/`, depth)) return { prefix: base, beside }
    beside.push(
      ...others.filter((name) => name !== next).map((name) => folderText(folders, base, name))
    )
    base = `${base}${next}/`
  }
}

/** True if a picture of a folder lies in so many folders below it. */
const isDeep = (files: readonly SourceFile[], prefix: string, depth: number) =>
  files.some(
    ({ name }) =>
      name.startsWith(prefix) &&
      isPictureName(name) &&
      name.slice(prefix.length).split('/').length > depth
  )

/** A folder with the count of its pictures. */
export const folderText = (folders: ReadonlyMap<string, number>, base: string, name: string) =>
  `${base}${name} (${counted(folders.get(name) ?? 0, 'picture')})`

/** How folders name classes. */
export interface FolderClasses {
  /** Classes of the training part, if they are known already. */
  readonly known?: readonly string[] | undefined
  /** Folders that make the name of a class: 2 for `pets/cat`. Default 1. */
  readonly depth?: number | undefined
}

/** Groups files by the first folders below `prefix`, which name the class; undefined if none is in such folders. */
export function classFolders(
  files: readonly SourceFile[],
  prefix: string,
  { known, depth = 1 }: FolderClasses = {}
): Group | undefined {
  const inside = files.filter(({ name }) => name.startsWith(prefix))
  const classOf = ({ name }: SourceFile) => {
    const folders = name.slice(prefix.length).split('/').slice(0, -1)
    return folders.length < depth ? undefined : folders.slice(0, depth).join('/')
  }
  const found = new Set(inside.map(classOf))
  found.delete(undefined)
  if (found.size === 0) return
  const names = known ?? [...found].flatMap((name) => (name === undefined ? [] : [name])).sort()
  const labels = new Map(names.map((name, label) => [name, label]))
  const items: Item[] = []
  const skipped: Skipped[] = []
  const depths = new Map<string, Set<string>>()
  for (const file of inside) {
    const name = classOf(file)
    const label = name === undefined ? undefined : labels.get(name)
    if (label !== undefined) {
      items.push({ file, label })
      const below = file.name.slice(prefix.length).split('/').slice(depth, -1)[0] ?? ''
      const seen = depths.get(name ?? '') ?? new Set()
      depths.set(name ?? '', seen.add(below))
    } else if (name !== undefined) {
      skipped.push({ file: file.name, reason: `its class ${name} is not in the training part` })
    } else if (file.fault !== undefined) {
      skipped.push({ file: file.name, reason: file.fault })
    } else if (isPictureName(file.name)) {
      skipped.push({
        file: file.name,
        reason:
          depth === 1
            ? 'has no class: it lies beside the folders of classes'
            : `has no class: it lies in fewer than ${depth} folders`
      })
    }
  }
  const kind = 'a folder of classes'
  return { kind, classes: names, items, skipped, notes: known || depth > 1 ? [] : deeper(depths) }
}

/** A note if the folders in the class folders might be the classes: some have several, and none has pictures beside. */
function deeper(depths: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const all = [...depths.values()]
  if (!all.every((below) => !below.has('')) || !all.some(({ size }) => size > 1)) return []
  const names = [...depths].flatMap(([name, below]) =>
    [...below].map((folder) => `${name}/${folder}`)
  )
  const distinct = new Set(names.map((name) => name.slice(name.indexOf('/') + 1))).size
  const first = names.slice(0, 2).join(', ')
  return [
    `The classes are the ${counted(depths.size, 'first folder')}. They hold ${names.length} folders of` +
      ` ${counted(distinct, 'name')} (${first}, …), which could be the classes, too, and are not told` +
      ' apart: for these, prepare with --class-depth 2.'
  ]
}
