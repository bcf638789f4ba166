/** Lists of pictures and their classes, a line each: `path label`. */
import { DataError } from '../../dataset.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'
import type { SourceFile } from './tree.ts'

/** A line of a list. */
export interface Line {
  readonly path: string
  /** Undefined where the line has none. */
  readonly label: string | undefined
  /** From 1. */
  readonly line: number
}

const MOST_CLASSES = 1_000_000
/** A first line that names the columns: `image,label`, `ImageId,PredictionString`, `file_name,class`. */
const HEADING =
  /^"?((image|img|file|picture|photo)[ _]?(id|name|path|file)?|path|name|id)"?\s*[,\t]/i

/**
 * Reads a list. The columns are set apart by tabs; else, in a `.csv`, by commas; else the label is
 * what follows the last blank, so that paths may have some. More columns are passed over, and in a
 * `.csv` all of the second but its first word; blank lines and those that begin with # are no lines.
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

export interface ListOptions {
  /** The list's name, for messages. */
  readonly list: string
  /** The file of a path, where there is one. */
  readonly find: (path: string, label: string) => SourceFile | undefined
  /** Classes that are settled already, by the training part. */
  readonly known?: readonly string[]
  /** Names of numbered classes. */
  readonly names?: readonly string[] | undefined
}

/**
 * The labelled files of a list's lines.
 *
 * @throws DataError where a class has a number beyond all reason
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

/** Class names: those of the lines, sorted, or as many numbers as they need. */
function classesOf(
  lines: readonly Line[],
  list: string,
  names: readonly string[] | undefined
): readonly string[] {
  const labels = new Set(lines.flatMap(({ label }) => (label === undefined ? [] : [label])))
  if (![...labels].every((label) => /^\d+$/.test(label))) return [...labels].sort()
  let most = -1
  for (const label of labels) most = Math.max(most, Number(label))
  if (most >= MOST_CLASSES) {
    throw new DataError(
      `[photos] ${list}: expected class numbers below ${MOST_CLASSES}, got ${most}; correct the line`
    )
  }
  if (names && names.length > most) return names
  return Array.from({ length: most + 1 }, (_, label) => String(label))
}
