/** Which columns of a list are the path and the class. */
import type { Row } from './table.ts'

/** The columns of a list. */
export interface Columns {
  readonly path: number
  /** The class: a column, or the columns of a one-hot table with their classes. Undefined if there is none. */
  readonly label?: number | readonly OneHot[]
  /** Why there is no class, or what speaks against it. */
  readonly reason?: string
  /** True if the first row names the columns. */
  readonly headed: boolean
  readonly notes: readonly string[]
}

/** A column of a one-hot table. */
export interface OneHot {
  readonly column: number
  readonly name: string
}

const PATH = /^(image|img|file|picture|photo|path|name|id)([ _-]?(id|name|path|file))?s?$/i
const LABEL =
  /^((class|label|category|breed|species|target|disease|variety|wnid|synset)([ _-]?(id|no|name|label|idx|index))?s?|PredictionString|.+[ _-](label|class|category))$/i
/** Columns that are no class. */
const OTHER =
  /^((x|y)[ _-]?(min|max|[12])?|w|h|width|height|area|left|top|right|bottom|roi.*|bbox.*|score|quality|confidence|size|bytes|time.*|date.*|md5|sha\d*|url|caption|split|set|fold|usage|is[ _-].*|index|id)$/i
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const WHOLE = /^\d+$/
/** So many numbers after a path are the corners of a box. */
const BOX = 4

/**
 * Chooses the columns of a list.
 *
 * @param rows the first rows
 * @param isFile true for a cell that names a picture
 */
export function columnsOf(rows: readonly Row[], isFile: (cell: string) => boolean): Columns {
  const width = Math.max(0, ...rows.map(({ cells }) => cells.length))
  const hits = Array.from({ length: width }, (_, column) => {
    return rows.filter(({ cells }) => isFile(cells[column] ?? '')).length
  })
  const most = Math.max(0, ...hits)
  const head = rows[0]?.cells ?? []
  const named = head.findIndex((cell) => PATH.test(cell))
  const path = most > 0 ? hits.indexOf(most) : Math.max(0, named)
  const first = head[path] ?? ''
  const others = rows.length - 1
  const allBelow =
    width > 1 && most === others && others > 0 && !head.some((cell) => NUMBER.test(cell))
  const headed = !isFile(first) && width > 1 && (PATH.test(first) || allBelow)
  const body = headed ? rows.slice(1) : rows
  const rest = Array.from({ length: width }, (_, i) => (path + 1 + i) % Math.max(1, width)).filter(
    (column) => column !== path
  )
  return { path, headed, ...labelColumn(rest, body, headed ? head : []) }
}

type Choice = Pick<Columns, 'label' | 'reason' | 'notes'>

function labelColumn(
  rest: readonly number[],
  body: readonly Row[],
  head: readonly string[]
): Choice {
  if (rest.length === 0) return { reason: 'it has paths alone', notes: [] }
  const values = (column: number) =>
    body.map(({ cells }) => cells[column] ?? '').filter((cell) => cell !== '')
  const isNumeric = (column: number) => values(column).every((cell) => NUMBER.test(cell))
  const title = (column: number) => head[column] ?? `column ${column + 1}`
  const named = rest.filter((column) => LABEL.test(head[column] ?? ''))
  // Where a class has a name and a number, the name is told.
  const label = named.find((column) => !isNumeric(column)) ?? named[0]
  if (label !== undefined) {
    const others = named.filter((column) => column !== label).map(title)
    const also = others.length === 1 ? 'is' : 'are'
    return {
      label,
      notes:
        others.length === 0
          ? []
          : [
              `the column ${title(label)} is read as the class; ${others.join(', ')} ${also} not used`
            ]
    }
  }
  const hot = oneHot(rest, body, head)
  if (hot) return hot
  const likely = rest.filter((column) => {
    if (OTHER.test(head[column] ?? '')) return false
    return !isNumeric(column) || values(column).every((cell) => WHOLE.test(cell))
  })
  const texts = likely.filter((column) => !isNumeric(column))
  const isBox = texts.length === 0 && rest.filter(isNumeric).length >= BOX
  const chosen = head.length === 0 ? (texts[0] ?? likely[0]) : likely[0]
  if (chosen === undefined || isBox) {
    const what = isBox ? 'numbers, such as of boxes' : `no classes: ${rest.map(title).join(', ')}`
    return { reason: `its other columns are ${what}`, notes: [] }
  }
  const passed = likely.filter((column) => column !== chosen)
  const told = head.length > 0 && passed.length > 0
  return {
    label: chosen,
    notes: told
      ? [
          `the column ${title(chosen)} is read as the class; ${passed.map(title).join(', ')} could be, too`
        ]
      : []
  }
}

/** The columns of a table that has a column for each class, and in each row a single 1. */
function oneHot(
  rest: readonly number[],
  body: readonly Row[],
  head: readonly string[]
): Choice | undefined {
  const columns = rest.filter((column) =>
    body.every(({ cells }) => [0, 1].includes(Number(cells[column] || Number.NaN)))
  )
  if (head.length === 0 || columns.length < 2 || columns.length * 2 <= rest.length) return
  const ones = body.map(
    ({ cells }) => columns.filter((column) => Number(cells[column]) === 1).length
  )
  const several = ones.findIndex((count) => count !== 1)
  if (several < 0) {
    return { label: columns.map((column) => ({ column, name: head[column] ?? '' })), notes: [] }
  }
  return {
    reason:
      `it has a column for each of ${columns.length} classes, and line ${body[several]?.line} says` +
      ` ${ones[several]} of them: pictures of several classes or of none are not read`,
    notes: []
  }
}
