/** Recognises how a folder or tar of pictures is arranged: its parts, and how they name classes. */

import { counted, someOf } from '../../../util/words.ts'
import { isPictureName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { baseOf, directPictures, foldersIn, folderText } from './folders.ts'
import { groupOf } from './groups.ts'
import { isKit } from './ilsvrc.ts'
import { partsByLists } from './list-parts.ts'
import type { Group, Listing } from './listing.ts'
import { PARTS, partWord } from './part-names.ts'
import { notUnderstood } from './seen.ts'
import { webDataset } from './webdataset.ts'

/**
 * Lists a tree's pictures with their classes. Class folders, names or a list give the classes. The test part is
 * `val`, or else `test`.
 *
 * @param said names the tree in errors
 * @param depth folders that make the name of a class. Default 1
 * @throws DataError if no picture has a class
 */
export async function scanTree(tree: Tree, said: string, depth?: number): Promise<Listing> {
  const shards = await webDataset(tree)
  if (shards) return { ...shards, notes: [...tree.notes, ...shards.notes] }
  const parts = partFolders(tree.files)
  if (!parts.train) {
    const group = await groupOf(tree, '', { depth })
    if (!group || group.items.length === 0) throw notUnderstood(tree, said, group)
    const { kind, classes, items, skipped, notes } = group
    const split = await partsByLists(tree, group)
    if (split) {
      const said = [...tree.notes, ...parts.notes, ...split.notes]
      return { ...split, kind: `${kind}, in parts`, classes, notes: said }
    }
    return {
      kind,
      classes,
      train: items,
      skipped,
      notes: [...tree.notes, ...parts.notes, ...notes]
    }
  }

  const { train, tests, base, counts } = parts
  const first = await groupOf(tree, `${base}${train}/`, { depth })
  if (!first || first.items.length === 0) {
    throw notUnderstood(tree, `${said}: ${base}${train}`, first)
  }
  let second: Group | undefined
  const inParts = [train, ...tests].map((name) => `${base}${name}/`)
  const faulty = tree.files.filter(
    (file) =>
      file.fault !== undefined &&
      !isKit(file) &&
      !inParts.some((part) => file.name.startsWith(part))
  )
  const skipped = [
    ...faulty.map(({ name, fault = '' }) => ({ file: name, reason: fault })),
    ...first.skipped
  ]
  const notes = [...tree.notes, ...parts.notes, ...first.notes]
  for (const name of tests) {
    const folder = folderText(counts, base, name)
    if (second) {
      notes.push(`${folder} is left out: there is another part to test with.`)
      continue
    }
    const group = await groupOf(tree, `${base}${name}/`, { known: first.classes, depth })
    notes.push(...(group?.notes ?? []))
    if (group && group.items.length > 0) {
      second = group
      skipped.push(...group.skipped)
    } else notes.push(`${folder} is left out: none of its pictures has a known class.`)
  }
  return {
    kind: `${first.kind}, in parts`,
    classes: first.classes,
    train: first.items,
    skipped,
    notes,
    ...(second && { test: second.items })
  }
}

/** The folders of parts, and what lies beside them. */
interface Parts {
  /** The folder that they lie in; ends with a slash, unless it is empty. */
  readonly base: string
  /** Undefined if there are no parts. */
  readonly train: string | undefined
  /** Folders to test with, in the order of preference. */
  readonly tests: readonly string[]
  readonly counts: ReadonlyMap<string, number>
  readonly notes: readonly string[]
}

/** Finds the parts: folders named like parts, unless they are classes among others. */
function partFolders(files: readonly SourceFile[]): Parts {
  const { prefix: base } = baseOf(files, '')
  const counts = foldersIn(files, base)
  const names = [...counts.keys()]
  const trains = names.filter((name) => partWord(name) === 'train')
  const none = { base, train: undefined, tests: [], counts, notes: [] }
  // ILSVRC's folders of tasks 1 and 3 differ in their ends: the first one is taken, the others are told.
  const train = trains[0]
  if (train === undefined) return none
  const tests = PARTS.slice(1).flatMap(({ word }) =>
    names.filter((name) => partWord(name) === word)
  )
  const others = names.filter((name) => name !== train && !tests.includes(name))
  if (others.length > 0 && isClass(files, base, train, tests, others)) {
    const known = [train, ...tests]
    const are = known.length === 1 ? 'is a class' : 'are classes'
    const parts = known.length === 1 ? 'part' : 'parts'
    const beside = `${counted(others.length, 'folder')} (${someOf(others)})`
    const note = `${known.join(', ')} ${are} like the ${beside} beside, and no ${parts} of the set.`
    return { ...none, notes: [note] }
  }
  const direct = directPictures(files, base).filter(({ name }) => isPictureName(name)).length
  const left = [
    ...others.map((name) => folderText(counts, base, name)),
    ...(direct > 0 ? [counted(direct, 'picture')] : [])
  ]
  const notes = left.length > 0 ? [`Beside the parts, left out: ${left.join(', ')}.`] : []
  return { base, train, tests, counts, notes }
}

/**
 * True if a folder named `train` is a class: its folders are not those of a test part, and it is no more arranged in
 * folders of classes than the folders beside it.
 */
function isClass(
  files: readonly SourceFile[],
  base: string,
  train: string,
  tests: readonly string[],
  others: readonly string[]
): boolean {
  const inside = (name: string) => [...foldersIn(files, `${base}${name}/`).keys()]
  const classes = new Set(inside(train))
  const shared = (name: string) => inside(name).filter((folder) => classes.has(folder)).length
  const shares = (name: string) => shared(name) > 0
  // `train` and `val` of the same classes, and one or two folders more.
  if (others.length < 3 && tests.some((name) => shared(name) > 1)) return false
  if (others.some(shares)) return true
  if (tests.some(shares)) return false
  if (classes.size > 1) return others.every((name) => inside(name).length > 1)
  // A list tells the classes of a part.
  return classes.size === 1 || !hasOwnList(files, base, train)
}

function hasOwnList(files: readonly SourceFile[], base: string, train: string): boolean {
  const list = PARTS.find(({ word }) => word === partWord(train))?.list
  return files.some(({ name }) => {
    const last = name.slice(name.lastIndexOf('/') + 1)
    return (
      /\.(txt|csv|tsv|lst)$/i.test(name) &&
      list?.test(last) &&
      name.split('/').length <= base.split('/').length + 1
    )
  })
}
