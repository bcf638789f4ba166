/** Says what was seen of a tree that is not understood, and which arrangements are nearest to it. */

import { counted } from '../../../util/words.ts'
import { DataError } from '../../dataset.ts'
import { isPictureName, isTextName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { foldersIn } from './folders.ts'
import type { Group } from './listing.ts'
import { partWord } from './part-names.ts'

const LEVELS = 3
/** No-break spaces: a terminal's lines are broken at others. */
const INDENT = '\u00a0\u00a0'
/** Names of a folder that are shown. */
const SHOWN = 5

interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: string[]
  pictures: number
  others: number
}

const newFolder = (): Folder => ({ folders: new Map(), files: [], pictures: 0, others: 0 })

/** The error for a tree in which no picture has a class. */
export function notUnderstood(tree: Tree, said: string, group: Group | undefined): DataError {
  const first = group?.skipped[0]
  const why = [
    ...(first
      ? [`The first of ${group.skipped.length} skipped: ${first.file} ${first.reason}.`]
      : []),
    ...(group?.notes ?? []),
    ...tree.notes
  ]
  const seen = tree.files.length === 0 ? ' nothing' : `:\n${treeText(tree.files).join('\n')}`
  return new DataError(
    [
      `[photos] ${said}: expected pictures with classes, got${seen}`,
      ...why,
      'The nearest arrangements that are read:',
      ...nearest(tree.files).map((text) => `- ${text}`)
    ].join('\n')
  )
}

/** Three levels of a tree, with counts. */
function treeText(files: readonly SourceFile[]): string[] {
  const root = newFolder()
  for (const { name } of files) {
    const parts = name.split('/')
    const last = parts.pop() ?? ''
    let folder = root
    for (const part of [undefined, ...parts]) {
      if (part !== undefined) {
        const inner = folder.folders.get(part) ?? newFolder()
        folder.folders.set(part, inner)
        folder = inner
      }
      if (isPictureName(last)) folder.pictures++
      else folder.others++
    }
    folder.files.push(last)
  }
  return [`${INDENT}${countsOf(root)}`, ...linesOf(root, 1)]
}

function linesOf({ folders, files }: Folder, level: number): string[] {
  if (level > LEVELS) return []
  const indent = INDENT.repeat(level)
  const more = (count: number, noun: string) =>
    count > SHOWN ? [`${indent}… and ${counted(count - SHOWN, noun)} more`] : []
  return [
    ...[...folders].slice(0, SHOWN).flatMap(([name, folder]) => {
      return [`${indent}${name}/  ${countsOf(folder)}`, ...linesOf(folder, level + 1)]
    }),
    ...more(folders.size, 'folder'),
    ...files.slice(0, SHOWN).map((name) => `${indent}${name}`),
    ...more(files.length, 'file')
  ]
}

function countsOf({ pictures, others }: Folder): string {
  return [
    ...(pictures > 0 || others === 0 ? [counted(pictures, 'picture')] : []),
    ...(others > 0 ? [counted(others, 'other file')] : [])
  ].join(', ')
}

/** The two arrangements that need the least change. */
function nearest(files: readonly SourceFile[]): string[] {
  const folders = [...foldersIn(files, '').keys()]
  const has = (test: (name: string) => boolean) => files.some(({ name }) => test(name))
  const ways = [
    {
      points: folders.length > 0 ? 2 : 1,
      text: 'a folder for each class: cat/1.jpg, dog/2.jpg'
    },
    {
      points: folders.some((name) => partWord(name) !== undefined) ? 4 : 0,
      text: 'parts with a folder for each class: train/cat/1.jpg, val/cat/2.jpg'
    },
    {
      points: has(isTextName) ? 3 : 1,
      text: "a list beside the pictures, such as labels.csv, of lines '1.jpg,cat'"
    },
    {
      points: has((name) => /(^|\/)n\d{8}/.test(name)) ? 3 : 0,
      text: 'names that begin with the class: n01440764_tench.JPEG'
    },
    {
      points: has((name) => /\.(cls|json)$/i.test(name)) ? 3 : 0,
      text: 'tars of WebDataset: 0001.jpg with 0001.cls or 0001.json'
    }
  ]
  return ways
    .sort((a, b) => b.points - a.points)
    .slice(0, 2)
    .map(({ text }) => text)
}
