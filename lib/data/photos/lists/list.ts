/** Reads a list of pictures with their classes: which form it has, and which columns, is told by its first lines. */
import { type Columns, columnsOf, type OneHot } from './columns.ts'
import { type Form, formsOf, type Row, rowsOf } from './table.ts'

/** A line of a list. */
export interface ListLine {
  readonly path: string
  /** Undefined if the line has none. */
  readonly label: string | undefined
  /** Number of the line, from 1. */
  readonly line: number
}

/** What a list says. */
export interface PictureList {
  readonly name: string
  readonly lines: readonly ListLine[]
  /** Of the first lines, the share that names pictures which are there, 0…1. */
  readonly share: number
  /** Why the lines have no classes, if they have none: 'it has paths alone'. */
  readonly reason?: string
  /** How it was read, where that was a guess. */
  readonly notes: readonly string[]
}

/** Number of lines that decide. */
const SAMPLE = 50
/** The characters of so many lines are enough. */
const SAMPLE_TEXT = 1 << 16

/**
 * Reads a list.
 *
 * @param name the list's name: its ending tells the likely form
 * @param existing of these paths, those that name a picture
 * @param least the share of its first lines that must name pictures; if fewer do, the rest is not read
 * @throws DataError for a quote that is not closed
 */
export async function readList(
  text: string,
  name: string,
  existing: (paths: readonly string[]) => Promise<ReadonlySet<string>>,
  least = 0
): Promise<PictureList> {
  const start = text.slice(0, SAMPLE_TEXT)
  const sample = start.length === text.length ? text : start.slice(0, start.lastIndexOf('\n') + 1)
  const tried: { form: Form; rows: readonly Row[] }[] = []
  for (const form of formsOf(name)) {
    // A quote that a wrong form leaves open is no fault of the list.
    const rows = await rowsOf(sample, form, name).catch(() => [])
    tried.push({ form, rows: rows.slice(0, SAMPLE) })
  }
  const cells = new Set(tried.flatMap(({ rows }) => rows.flatMap((row) => row.cells)))
  const there = await existing([...cells])
  const isFile = (cell: string) => there.has(cell)
  const scored = tried.map(({ form, rows }) => {
    const columns = columnsOf(rows, isFile)
    const hits = rows.filter(({ cells }) => isFile(cells[columns.path] ?? '')).length
    const body = rows.length - (columns.headed ? 1 : 0)
    return {
      form,
      columns,
      share: body > 0 ? hits / body : 0,
      points: pointsOf(columns, hits, rows)
    }
  })
  const best = scored.reduce((best, one) => (one.points > best.points ? one : best))
  const { columns, share } = best
  if (share < least) return { name, lines: [], share, notes: [] }
  const rows = await rowsOf(text, best.form, name)
  const labelled = linesOf(rows, columns)
  return {
    name,
    lines: labelled.lines,
    share,
    ...(columns.reason !== undefined && { reason: columns.reason }),
    notes: [...columns.notes, ...labelled.notes].map((note) => `In ${name} ${note}.`)
  }
}

/** Paths that are there count most; then a class for each; then several columns. */
function pointsOf({ label }: Columns, hits: number, rows: readonly Row[]): number {
  const wide = rows.filter(({ cells }) => cells.length > 1).length
  return (
    hits * 4 + (label === undefined ? 0 : 2) + (rows.length > 0 && wide === rows.length ? 1 : 0)
  )
}

/**
 * Three or more numbers after a word, perhaps with the word again: boxes. Word by word: one pattern for all of them
 * takes exponential time where the word is a number, too.
 */
function hasBoxes(label: string): boolean {
  const [word = '', ...rest] = label.split(' ')
  const fits = (one: string) => one === word || /^-?\d+(\.\d+)?$/.test(one)
  return word !== '' && rest.length >= 3 && rest.every(fits)
}

function linesOf(rows: readonly Row[], { path, label, headed }: Columns) {
  const body = headed ? rows.slice(1) : rows
  const whole = body.map(({ cells, line }) => ({
    path: cells[path] ?? '',
    label: labelOf(cells, label),
    line
  }))
  const wordy = whole.filter(({ label = '' }) => /\s/.test(label))
  if (wordy.length === 0 || !wordy.every(({ label = '' }) => hasBoxes(label))) {
    return { lines: whole, notes: [] }
  }
  const lines = whole.map((one) => ({ ...one, label: one.label?.split(/\s+/)[0] }))
  const note = `${wordy.length} of ${whole.length} labels are followed by numbers (boxes), which are left out`
  return { lines, notes: [note] }
}

function labelOf(cells: readonly string[], label: Columns['label']): string | undefined {
  if (label === undefined) return
  if (typeof label === 'number') return cells[label] || undefined
  const hot: OneHot[] = label.filter(({ column }) => Number(cells[column]) === 1)
  return hot.length === 1 ? hot[0]?.name : undefined
}
