/** Recognises how a folder or tar of pictures is arranged: its parts, and how they name classes. */
import { DataError } from '../../dataset.ts'
import { isPictureName, isTextName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { listed, parseList } from '../lists/lists.ts'
import { classFolders } from './folders.ts'
import { groundTruth } from './ilsvrc.ts'
import type { Group, Listing } from './listing.ts'
import { classNames } from './names.ts'
import type { Skipped } from './source.ts'

const TRAIN = /(^|[_-])train(ing)?$/i
const VALIDATION = /(^|[_-])val(id|idation)?$/i
const TEST = /(^|[_-])test(ing)?$/i

/** Number of lines that decide if a text is a list. */
const SAMPLE_LINES = 50
/** Longer texts are no lists. */
const MAX_LIST_BYTES = 256 * 2 ** 20

/**
 * Lists a tree's pictures with their classes. Class folders, names or a list give the classes. The test part is
 * `val`, or else `test`.
 *
 * @param said names the tree in errors
 * @throws DataError if no picture has a class
 */
export async function scanTree(tree: Tree, said: string): Promise<Listing> {
  const folders = [...new Set(tree.files.map(({ name }) => topOf(name)))]
  const train = folders.find((name) => TRAIN.test(name))
  const notes = [...tree.notes]
  if (train === undefined || train === '') {
    const group = await groupOf(tree, '', undefined)
    if (!group || group.items.length === 0) throw noPictures(tree, said, group?.skipped)
    const { kind, classes, items, skipped } = group
    return { kind, classes, train: items, skipped, notes }
  }

  const first = await groupOf(tree, `${train}/`, undefined)
  if (!first || first.items.length === 0)
    throw noPictures(tree, `${said}: ${train}`, first?.skipped)
  const others = [VALIDATION, TEST].flatMap((pattern) =>
    folders.filter((name) => name !== '' && name !== train && pattern.test(name))
  )
  let second: Group | undefined
  const skipped = [...first.skipped]
  for (const name of others) {
    if (second) {
      notes.push(`The folder ${name} is left out: there is another to test with.`)
      continue
    }
    const group = await groupOf(tree, `${name}/`, first.classes)
    if (group && group.items.length > 0) {
      second = group
      skipped.push(...group.skipped)
    } else notes.push(`The folder ${name} is left out: none of its pictures has a known class.`)
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

const topOf = (name: string) => name.slice(0, Math.max(0, name.indexOf('/')))

/** Labels the pictures of a part. If the classes are known, it is the test part: lists come first. */
async function groupOf(
  tree: Tree,
  prefix: string,
  known: readonly string[] | undefined
): Promise<Group | undefined> {
  const files = tree.files.filter(({ name }) => name.startsWith(prefix))
  const inFolders = () => classFolders(files, prefix, known)
  const inNames = () => classNames(files, prefix, known)
  const inList = () => fromList(tree, files, prefix, known)
  const deep = files.some(({ name }) => isPictureName(name) && name.includes('/', prefix.length))
  if (known) {
    const truth = async () => groundTruth(tree, files, known)
    return (await inList()) ?? (await truth()) ?? inFolders() ?? inNames()
  }
  if (!deep) return inNames() ?? (await inList())
  // A list goes before a single folder, which may be no class.
  const group = inFolders()
  return group && group.classes.length > 1 ? group : ((await inList()) ?? group)
}

/** Labels by a list in the part's folder, or named like the part, if most of its first lines name pictures. */
async function fromList(
  tree: Tree,
  files: readonly SourceFile[],
  prefix: string,
  known: readonly string[] | undefined
): Promise<Group | undefined> {
  const word = [TRAIN, VALIDATION, TEST].find((pattern) => pattern.test(prefix.slice(0, -1)))
  const names = word && new RegExp(word.source.replace('$', '([_-].*)?\\.\\w+$'), 'i')
  const lists = tree.files.filter(({ name, bytes }) => {
    if (!isTextName(name) || bytes > MAX_LIST_BYTES) return false
    const inside = name.startsWith(prefix) && !name.includes('/', prefix.length)
    return inside || (!name.includes('/') && names?.test(name))
  })
  if (lists.length === 0) return
  const byName = new Map<string, SourceFile>()
  for (const file of files) {
    byName.set(file.name, file)
    byName.set(withoutExtension(file.name), file)
  }
  const find = (path: string, label: string) => {
    const plain = path.replace(/^(\.?\/)+/, '')
    const places = [plain, prefix + plain, `${prefix}images/${plain}`, `${prefix}${label}/${plain}`]
    return places.map((place) => byName.get(place)).find((file) => file !== undefined)
  }
  for (const list of lists) {
    const lines = parseList(Buffer.from(await tree.read(list)).toString('utf8'), list.name)
    const sample = lines.slice(0, SAMPLE_LINES)
    const hits = sample.filter(({ path, label = '' }) => find(path, label)).length
    if (hits > 0 && hits * 2 >= sample.length) {
      const rest = new Set(files.filter(({ name }) => isPictureName(name)))
      const group = listed(lines, { list: list.name, find, ...(known && { known }) })
      for (const { file } of group.items) rest.delete(file)
      const unnamed = [...rest].map(({ name }) => ({
        file: name,
        reason: `has no class: ${list.name} does not name it`
      }))
      return { ...group, skipped: [...group.skipped, ...unnamed] }
    }
  }
  return
}

const withoutExtension = (name: string) => name.replace(/\.\w+$/, '')

function noPictures(tree: Tree, said: string, skipped: readonly Skipped[] = []): DataError {
  const names = tree.files.slice(0, 3).map(({ name }) => name)
  const got =
    tree.files.length === 0
      ? 'nothing'
      : `${tree.files.length} files, none of them a picture with a class: ${names.join(', ')}` +
        (tree.files.length > 3 ? ', …' : '')
  const first = skipped[0] ? ` (${skipped[0].file} ${skipped[0].reason})` : ''
  return new DataError(
    `[photos] ${said}: expected pictures in a folder for each class, or named like` +
      ` n01440764_tench.JPEG, or with a list of lines 'path label', got ${got}${first}`
  )
}
