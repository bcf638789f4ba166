/** Labels the pictures of a part: by class folders, names, a list, or ILSVRC's ground truth. */
import { isPicture } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { type Lists, listsBeside } from './beside.ts'
import { baseOf, classFolders, type FolderClasses } from './folders.ts'
import { groundTruth, isKit } from './ilsvrc.ts'
import { compareList, listGroup } from './list-group.ts'
import type { Group } from './listing.ts'
import { classNames } from './names.ts'

/**
 * Labels the pictures of a folder; undefined if nothing there gives classes. Folders of classes go before lists; where
 * both speak of a picture and differ, the group's notes say so.
 *
 * @param prefix the part's folder, with a slash; '' if there are no parts
 * @param options how folders name classes; for a test part the classes of the training part are known
 */
export async function groupOf(
  tree: Tree,
  prefix: string,
  { known, depth }: FolderClasses
): Promise<Group | undefined> {
  const files = tree.files.filter(({ name }) => name.startsWith(prefix))
  const { prefix: base, beside } = baseOf(files, prefix, depth)
  const inside = files.filter(({ name }) => name.startsWith(base))
  const lists = await listsBeside(tree, { files, prefix, base, known: known !== undefined })
  const left = beside.map((text) => `${text} is left out: the pictures are in ${base}.`)
  const told = (group: Group): Group => {
    const rest = files.filter(
      (file) => !file.name.startsWith(base) && file.fault !== undefined && !isKit(file)
    )
    const faulty = rest.map(({ name, fault = '' }) => ({ file: name, reason: fault }))
    const notes = [...group.notes, ...left, ...lists.notes]
    return { ...group, skipped: [...group.skipped, ...faulty], notes }
  }
  const compared = (group: Group, by: string): Group => {
    const { find } = lists
    const notes = lists.lists.flatMap((list) => compareList(list, group, by, { find }))
    return told({ ...group, notes: [...group.notes, ...notes] })
  }

  const deep = inside.some((file) => isPicture(file) && file.name.includes('/', base.length))
  const folders = deep ? classFolders(inside, base, { known, depth }) : undefined
  const sure = known ? folders && folders.items.length > 0 : folders && folders.classes.length > 1
  if (folders && sure) return compared(folders, 'folders')
  const names = deep && !known ? undefined : classNames(inside, base, known)
  if (names && !known) return compared(names, 'names')
  const listed = fromLists(inside, lists, known)
  if (listed && listed.items.length > 0) return told(listed)
  const truth = known && (await groundTruth(tree, files, known))
  const group =
    truth ?? (folders && folders.items.length > 0 ? folders : undefined) ?? names ?? listed
  return (
    group &&
    told({ ...group, notes: [...group.notes, ...(group === listed ? [] : (listed?.notes ?? []))] })
  )
}

/** Labels by the first list that has classes, and names the pictures that it leaves out. */
function fromLists(
  files: readonly SourceFile[],
  { lists, find, names }: Lists,
  known: readonly string[] | undefined
): Group | undefined {
  const notes: string[] = []
  for (const [i, list] of lists.entries()) {
    if (list.reason !== undefined) {
      notes.push(`${list.name} is not used: ${list.reason}.`)
      continue
    }
    const group = listGroup(list, { find, known, names })
    if (group.items.length === 0) {
      notes.push(...group.notes)
      continue
    }
    const rest = new Map(files.filter(isPicture).map((file) => [file.name, file]))
    for (const { file } of group.items) rest.delete(file.name)
    for (const { file } of group.skipped) rest.delete(file)
    const unnamed = [...rest.values()].map(({ name, fault }) => ({
      file: name,
      reason: fault ?? `has no class: ${list.name} does not name it`
    }))
    const others = lists
      .slice(i + 1)
      .map(({ name }) => `${name} names the pictures, too, and is not used.`)
    return {
      ...group,
      skipped: [...group.skipped, ...unnamed],
      notes: [...notes, ...group.notes, ...others]
    }
  }
  return notes.length > 0
    ? { kind: 'a list', classes: known ?? [], items: [], skipped: [], notes }
    : undefined
}
