/**
 * Parts that lists alone tell, as Food-101's meta/train.txt and meta/test.txt do: folders give the classes, and each
 * list names the pictures of a part.
 */
import { counted, someOf } from '../../../util/words.ts'
import { isTextName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { readList } from '../lists/list.ts'
import { decodeText } from '../lists/text.ts'
import { FileFinder } from './finder.ts'
import type { Group, Item, Listing } from './listing.ts'
import { PARTS, type PartName } from './part-names.ts'

/** Longer texts are no lists. */
const MAX_BYTES = 256 * 2 ** 20
/** A list must name so many pictures that are there. */
const LEAST = 0.5

interface PartList {
  readonly name: string
  readonly word: PartName['word']
  readonly files: ReadonlySet<SourceFile>
}

/**
 * Splits pictures that have classes by lists named like parts: a training list, and one to test with, which share no
 * picture.
 *
 * @returns undefined if there are no such lists
 */
export async function partsByLists(
  tree: Tree,
  group: Group
): Promise<Pick<Listing, 'train' | 'test' | 'skipped' | 'notes'> | undefined> {
  const lists = await partLists(tree, group.items)
  const train = lists.find(({ word }) => word === 'train')
  // PARTS is in the order of preference.
  const tests = PARTS.slice(1).flatMap(({ word }) => lists.filter((list) => list.word === word))
  const [test] = tests
  if (!train || !test || [...test.files].some((file) => train.files.has(file))) return undefined
  const of = ({ files }: PartList) => group.items.filter(({ file }) => files.has(file))
  const rest = group.items.filter(({ file }) => !train.files.has(file) && !test.files.has(file))
  const neither = rest.map(({ file }) => ({
    file: file.name,
    reason: `is in no part: neither ${train.name} nor ${test.name} names it`
  }))
  const left = lists.filter((list) => list !== train && list !== test).map(({ name }) => name)
  const size = (list: PartList) => counted(of(list).length, 'picture')
  return {
    train: of(train),
    test: of(test),
    skipped: [...group.skipped, ...neither],
    notes: [
      `The parts are those of lists: ${train.name} (${size(train)}) and ${test.name} (${size(test)}).`,
      ...(left.length > 0 ? [`Lists of other parts are not used: ${someOf(left)}.`] : []),
      // A list of paths alone gives no classes, as is to be said of no other one.
      ...group.notes.filter((note) => !lists.some(({ name }) => note.startsWith(`${name} is not `)))
    ]
  }
}

async function partLists(tree: Tree, items: readonly Item[]): Promise<readonly PartList[]> {
  const texts = tree.files.flatMap((file) => {
    const last = file.name.slice(file.name.lastIndexOf('/') + 1)
    const part = PARTS.find(({ list }) => list.test(last))
    const usable = isTextName(file.name) && file.fault === undefined && file.bytes <= MAX_BYTES
    return part && usable ? [{ file, word: part.word }] : []
  })
  if (!texts.some(({ word }) => word === 'train')) return []
  const files = items.map(({ file }) => file)
  const finder = new FileFinder(files, placesOf(files))
  const found: PartList[] = []
  for (const { file, word } of texts) {
    const existing = async (paths: readonly string[]) =>
      new Set(paths.filter((path) => finder.find(path) !== undefined))
    const list = await readList(decodeText(await tree.read(file)), file.name, existing, LEAST)
    if (list.share < LEAST) continue
    const named = list.lines.flatMap(({ path, label }) => finder.find(path, label) ?? [])
    found.push({ name: file.name, word, files: new Set(named) })
  }
  return found
}

/** Folders that the paths of lists may be relative to: those around the classes. */
function placesOf(files: readonly SourceFile[]): string[] {
  const [first] = files
  const parts = first?.name.split('/') ?? []
  return parts.slice(0, -1).map((_, i) => `${parts.slice(0, i + 1).join('/')}/`)
}
