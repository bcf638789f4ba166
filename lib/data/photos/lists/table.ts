/**
 * Reads the rows of a list in one of its forms. Tables are read by csv-parse, which has no dependencies, counts lines,
 * and streams, so that long lists do not hold up the event loop.
 */
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { DataError } from '../../dataset.ts'
import { isPictureName } from '../files/kinds.ts'

/**
 * How a line is split into cells. 'extension': the path ends with the extension of a picture, the label is all that
 * follows; 'last': the label is the last word; 'first': the path is the first word, each other word is a cell.
 */
export type Form = ',' | ';' | '\t' | '|' | 'extension' | 'last' | 'first'

/** A line of a list. */
export interface Row {
  readonly cells: readonly string[]
  /** Number of the line, from 1. */
  readonly line: number
}

/** Characters that go to the parser at a time. */
const PIECE = 1 << 16

/** The forms of a list, the likely ones first. */
export function formsOf(name: string): readonly Form[] {
  const blanks = ['extension', 'last', 'first'] as const
  if (/\.tsv$/i.test(name)) return ['\t', ',', ';', '|', ...blanks]
  if (/\.csv$/i.test(name)) return [',', ';', '\t', '|', ...blanks]
  return ['\t', 'extension', 'last', ',', ';', '|', 'first']
}

/**
 * Reads all rows. Blank lines and lines that begin with # are left out.
 *
 * @throws DataError for a quote that is not closed
 */
export async function rowsOf(text: string, form: Form, name: string): Promise<Row[]> {
  return form.length === 1 ? tableRows(text, form, name) : blankRows(text, form)
}

async function tableRows(text: string, delimiter: string, name: string): Promise<Row[]> {
  const { parse } = await import('csv-parse')
  const rows: Row[] = []
  const table = Readable.from(pieces(text)).pipe(
    parse({
      delimiter,
      comment: '#',
      comment_no_infix: true,
      relax_quotes: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      info: true
    })
  )
  try {
    // The library gives `any`; with `info` it is this.
    for await (const { record, info } of table as AsyncIterable<Parsed>) {
      // `lines` counts those that were read: a quoted cell may have several.
      if (record.some((cell) => cell !== '')) rows.push({ cells: record, line: info.lines })
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new DataError(
      `[photos] ${name}: expected a table of cells, perhaps in quotes, got another text (${error.message});` +
        ' correct the line',
      { cause: error }
    )
  }
  return rows
}

interface Parsed {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE)
}

async function blankRows(text: string, form: Form): Promise<Row[]> {
  const rows: Row[] = []
  let line = 0
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at)
    const end = found < 0 ? text.length : found
    const content = text.slice(at, end).trim()
    at = end + 1
    if (++line % 10_000 === 0) await setImmediate()
    if (content === '' || content.startsWith('#')) continue
    rows.push({ cells: blankCells(content, form).map(unquoted), line })
  }
  return rows
}

function blankCells(content: string, form: Form): readonly string[] {
  if (form === 'first') return content.split(/\s+/)
  if (form === 'last') return /^(.*\S)\s+(\S+)$/.exec(content)?.slice(1) ?? [content]
  // The first extension that a blank follows ends the path: the path may have blanks, and so may the label.
  for (const { index } of content.matchAll(/\s+/g)) {
    const path = unquoted(content.slice(0, index))
    if (isPictureName(path)) return [path, content.slice(index).trim()]
  }
  return [content]
}

const unquoted = (cell: string) => /^"(.*)"$/.exec(cell)?.[1] ?? cell
