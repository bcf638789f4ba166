/** Parses lists of pictures with their classes: a line `path label` each. */
import { DataError } from '../../dataset.ts'
import type { SourceFile } from '../files/tree.ts'
import type { Group, Item } from '../scan/listing.ts'
import type { Skipped } from '../scan/source.ts'

/** A line of a list. */
export interface Line {
  readonly path: string
  /** Undefined if the line has none. */
  readonly label: string | undefined
  /** Number of the line, from 1. */
  readonly line: number
}

/** Larger class numbers are taken for mistakes. */
const MAX_CLASSES = 1_000_000
/** A header line: `image,label`, `ImageId,PredictionString`, `file_name,class`. */
const HEADING =
  /^"?((image|img|file|picture|photo)[ _]?(id|name|path|file)?|path|name|id)"?\s*[,\t]/i

/**
 * Parses a list. Columns are separated by tabs, or in a `.csv` by commas; otherwise the label follows the last
 * blank, so that paths may contain blanks. Further columns are ignored, and in a `.csv` all words of the second
 * column but the first. Blank lines and lines that begin with # are skipped.
 */
export function parseList(text: string, name: string): Line[] {
  const csv = /\.csv$/i.test(name)
  return text.split(/\r?\n/).flatMap((raw, i) => {
    const content = raw.trim()
    if (content === '' || content.startsWith('#')) return []
    if (i === 0 && (csv || /\.tsv$/i.test(name)) && HEADING.test(content)) return []
    let [path, label]: (string | undefined)[] = content.split(/\t+/)
    if (label === undefined && csv) [path, label] = content.split(',')
    if (csv) label = label?.trim().split(' ')[0]
    if (label === undefined && !csv) {
      const [, front, last] = /^(.*\S)\s+(\S+)$/.exec(content) ?? []
      path = front ?? content
      label = last
    }
    return [{ path: (path ?? '').trim(), label: label?.trim() || undefined, line: i + 1 }]
  })
}

/** Options of `listed`. */
export interface ListOptions {
  /** The list's name, for messages. */
  readonly list: string
  /** Finds the file of a path. */
  readonly find: (path: string, label: string) => SourceFile | undefined
  /** Classes of the training part, if they are known already. */
  readonly known?: readonly string[]
  /** Names of numbered classes. */
  readonly names?: readonly string[] | undefined
}

/**
 * Labels the files that a list names.
 *
 * @throws DataError for a class number that is too large
 */
export function listed(lines: readonly Line[], options: ListOptions): Group {
  const { list, find, known, names } = options
  const classes = known ?? classesOf(lines, list, names)
  const labels = new Map(classes.map((name, label) => [name, label]))
  const numbered = (label: string) => {
    const value = /^\d+$/.test(label) ? Number(label) : Number.NaN
    return value < classes.length ? value : undefined
  }
  const items: Item[] = []
  const skipped: Skipped[] = []
  for (const { path, label, line } of lines) {
    const skip = (reason: string) => skipped.push({ file: path, reason })
    if (label === undefined) {
      skip(`has no class: line ${line} of ${list} names none`)
      continue
    }
    const number = labels.get(label) ?? numbered(label)
    const file = find(path, label)
    if (number === undefined) skip(`its class ${label} (${list}, line ${line}) is not known`)
    else if (!file) skip(`is not there, though line ${line} of ${list} names it`)
    else items.push({ file, label: number })
  }
  return { kind: 'a list', classes, items, skipped }
}

/** Class names: the labels, sorted; or for numbers, '0' up to the largest. */
function classesOf(
  lines: readonly Line[],
  list: string,
  names: readonly string[] | undefined
): readonly string[] {
  const labels = new Set(lines.flatMap(({ label }) => (label === undefined ? [] : [label])))
  if (![...labels].every((label) => /^\d+$/.test(label))) return [...labels].sort()
  let most = -1
  for (const label of labels) most = Math.max(most, Number(label))
  if (most >= MAX_CLASSES) {
    throw new DataError(
      `[photos] ${list}: expected class numbers below ${MAX_CLASSES}, got ${most}; correct the line`
    )
  }
  if (names && names.length > most) return names
  return Array.from({ length: most + 1 }, (_, label) => String(label))
}
