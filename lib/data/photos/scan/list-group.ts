/** Labels files by a list, and compares a list with what folders or names say. */
import { someOf } from '../../../util/words.ts'
import type { SourceFile } from '../files/tree.ts'
import type { ClassList } from '../lists/class-list.ts'
import type { ListLine, PictureList } from '../lists/list.ts'
import { meaningOf } from '../lists/numbers.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

/** Options of `listGroup`. */
export interface ListGroupOptions {
  /** Finds the file of a path. */
  readonly find: (path: string, label: string) => SourceFile | undefined
  /** Classes of the training part, if they are known already. */
  readonly known?: readonly string[] | undefined
  /** Names of numbered classes. */
  readonly names?: ClassList | undefined
}

const labelsOf = (lines: readonly ListLine[]) =>
  lines.flatMap(({ label }) => (label === undefined ? [] : [label]))

/**
 * Labels the files that a list names. A file that it names with two classes has none.
 *
 * @throws DataError for a class number that is too large
 */
export function listGroup(list: PictureList, options: ListGroupOptions): Group {
  const { find, known, names } = options
  const meaning = meaningOf(labelsOf(list.lines), { list: list.name, known, names })
  const found = new Map<string, Item & { readonly line: number }>()
  const all: Item[] = []
  const torn = new Set<string>()
  const skipped: Skipped[] = []
  for (const { path, label, line } of list.lines) {
    const file = find(path, label ?? '')
    const skip = (reason: string) => skipped.push({ file: file?.name ?? path, reason })
    if (label === undefined) {
      skip(`has no class: line ${line} of ${list.name} names none`)
      continue
    }
    const number = meaning.label(label)
    if (number === undefined) skip(`its class ${label} (${list.name}, line ${line}) is not known`)
    else if (!file) skip(`is not there, though line ${line} of ${list.name} names it`)
    else {
      const before = found.get(file.name)
      all.push({ file, label: number })
      if (!before) found.set(file.name, { file, label: number, line })
      else if (before.label !== number && !torn.has(file.name)) {
        torn.add(file.name)
        const said = (label: number, line: number) => `${meaning.classes[label]} (line ${line})`
        const both = `${said(before.label, before.line)} and ${said(number, line)}`
        skipped.push({ file: file.name, reason: `has two classes in ${list.name}: ${both}` })
      }
    }
  }
  // A line that is there twice stays: preparing skips copies, or keeps them if asked.
  const items = all.filter(({ file }) => !torn.has(file.name))
  const { refused } = meaning
  const notes = [...list.notes, ...meaning.notes]
  const group = { kind: 'a list', classes: meaning.classes, items, skipped, notes }
  return refused === undefined ? group : { ...group, items: [], notes: [...notes, `${refused}.`] }
}

/**
 * Compares a list with labels that folders or names gave, which decide.
 *
 * @param by what gave them: 'folders'
 * @returns what to say if the list is not of one mind with them
 */
export function compareList(
  list: PictureList,
  group: Group,
  by: string,
  options: ListGroupOptions
): string[] {
  const unused = (why: string) => [`${list.name} is not used: ${why}. The ${by} give the classes.`]
  if (list.reason !== undefined) return unused(list.reason)
  const labels = new Map(group.items.map(({ file, label }) => [file.name, label]))
  const pairs = list.lines.flatMap(({ path, label }) => {
    const file = label === undefined ? undefined : options.find(path, label)
    const own = file && labels.get(file.name)
    return own === undefined || label === undefined ? [] : [{ path, label, own }]
  })
  if (pairs.length === 0) return []
  const meaning = meaningOf(labelsOf(list.lines), {
    ...options,
    list: list.name,
    known: group.classes
  })
  const differ = pairs.filter(({ label, own }) => meaning.label(label) !== own)
  if (differ.length === 0) return []
  if (isRenaming(pairs)) {
    const some = [...new Map(pairs.map(({ label, own }) => [label, own]))].map(
      ([label, own]) => `${label} is ${group.classes[own]}`
    )
    return unused(`it has other names or numbers for the same classes (${someOf(some)})`)
  }
  const [first] = differ
  const example = first ? ` (${first.path}: ${first.label}, not ${group.classes[first.own]})` : ''
  return unused(
    `for ${differ.length} of ${pairs.length} pictures it says something else than the ${by}${example}`
  )
}

/** True if each label stands for one class, and each class for one label. */
function isRenaming(pairs: readonly { readonly label: string; readonly own: number }[]): boolean {
  const there = new Map<string, number>()
  const back = new Map<number, string>()
  return pairs.every(({ label, own }) => {
    if (!there.has(label)) there.set(label, own)
    if (!back.has(own)) back.set(own, label)
    return there.get(label) === own && back.get(own) === label
  })
}
