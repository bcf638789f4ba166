/** Finds the lists that lie in a tree, beside or above pictures. */
import { isTextName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { type ClassList, isClassList, parseClassList } from '../lists/class-list.ts'
import { type PictureList, readList } from '../lists/list.ts'
import { decodeText } from '../lists/text.ts'
import { FileFinder } from './finder.ts'
import { foldersIn } from './folders.ts'
import { PARTS, partWord } from './part-names.ts'

/** Longer texts are no lists. */
const MAX_LIST_BYTES = 256 * 2 ** 20
/** So many texts are looked into. */
const MAX_LISTS = 32
/** Folders above a list. */
const MAX_DEPTH = 3
/** A list must name so many pictures that are there. */
const LEAST = 0.5

/** Pictures that a list may name. */
export interface Scope {
  readonly files: readonly SourceFile[]
  /** The part's folder. */
  readonly prefix: string
  /** The folder in it with the classes or pictures. */
  readonly base: string
  /** True for the test part. */
  readonly known: boolean
}

/** Lists of a scope's pictures, and what they are read with. */
export interface Lists {
  readonly lists: readonly PictureList[]
  readonly find: (path: string, label: string) => SourceFile | undefined
  readonly names: ClassList | undefined
  /** Tables that name too few pictures. */
  readonly notes: readonly string[]
}

/** Reads the lists that name pictures of a scope: those in its folder go first, then those that are named like it. */
export async function listsBeside(tree: Tree, scope: Scope): Promise<Lists> {
  const { files, prefix, base } = scope
  const candidates = textsOf(tree, scope)
  const folders = candidates.map(({ name }) => name.slice(0, name.lastIndexOf('/') + 1))
  const finder = new FileFinder(files, [prefix, base, `${prefix}images/`, ...folders])
  const find = (path: string, label: string) => finder.find(path, label)
  const existing = async (paths: readonly string[]) =>
    new Set(paths.filter((path) => finder.find(path) !== undefined))
  const lists: PictureList[] = []
  const notes: string[] = []
  for (const file of candidates) {
    const text = decodeText(await tree.read(file))
    const list = await readList(text, file.name, existing, LEAST)
    const percent = Math.round(list.share * 100)
    if (list.share >= LEAST) lists.push(list)
    else if (list.share > 0 || isTableName(file.name)) {
      notes.push(`${file.name} is not used: ${percent} % of its first lines name pictures.`)
    }
  }
  return { lists, find, names: await classList(tree), notes }
}

const isTableName = (name: string) => /\.(csv|tsv|lst)$/i.test(name)

/** Texts that may be lists of the scope's pictures. */
function textsOf(tree: Tree, { files, prefix, base, known }: Scope): SourceFile[] {
  const word = partWord(prefix.slice(0, -1))
  const picturesIn = new Set(foldersIn(files, base).keys())
  const stems = new Set<string>()
  for (const { name } of files) if (!isTextName(name)) stems.add(stemOf(name))
  const rank = ({ name, bytes, fault }: SourceFile): number | undefined => {
    if (!isTextName(name) || bytes > MAX_LIST_BYTES || fault !== undefined) return
    // Notes on single pictures, and texts in class folders.
    if (stems.has(stemOf(name)) || name.split('/').length > MAX_DEPTH + 1) return
    if (name.startsWith(base) && name.includes('/', base.length)) {
      if (picturesIn.has(name.slice(base.length, name.indexOf('/', base.length)))) return
    }
    if (name.startsWith(prefix) && prefix !== '') return 0
    const last = name.slice(name.lastIndexOf('/') + 1)
    const own = PARTS.find((part) => part.list.test(last))
    if (word !== undefined && own?.word === word) return 1
    if (word !== undefined && (own || known)) return
    return 2
  }
  return tree.files
    .flatMap((file) => {
      const place = rank(file)
      return place === undefined ? [] : [{ file, place }]
    })
    .sort((a, b) => a.place - b.place || depth(a.file) - depth(b.file))
    .slice(0, MAX_LISTS)
    .map(({ file }) => file)
}

const stemOf = (name: string) => name.replace(/\.\w+$/, '')
const depth = ({ name }: SourceFile) => name.split('/').length

/** Names of numbered classes, of a file in the root. */
export async function classList(tree: Tree): Promise<ClassList | undefined> {
  const file = tree.files.find(({ name }) => !name.includes('/') && isClassList(name))
  if (!file || file.fault !== undefined || file.bytes > MAX_LIST_BYTES) return
  return parseClassList(decodeText(await tree.read(file)), file.name)
}
