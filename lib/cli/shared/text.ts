/** Lays text out for a terminal of 80 columns. */
import { foreign, harmless } from '../../util/foreign.ts'

/** Columns of a line. */
export const COLUMNS = 80
/** Columns of an entry's name. */
const NAME_COLUMNS = 10

const NO_BREAK_SPACE = '\u00a0'

/** Keeps a path in one piece: `wrap` does not break it at its spaces. */
export function onePiece(path: string): string {
  return foreign(path).replaceAll(' ', NO_BREAK_SPACE)
}

/** Breaks text into lines at spaces. A word that is longer than a line, such as a path, stays whole. */
export function wrap(text: string, width = COLUMNS): string[] {
  return harmless(text)
    .split('\n')
    .flatMap((paragraph) => {
      const lines: string[] = []
      let line = ''
      for (const word of paragraph.split(' ')) {
        if (line === '') line = word
        else if (line.length + 1 + word.length <= width) line += ` ${word}`
        else {
          lines.push(line)
          line = word
        }
      }
      return [...lines, line].map((whole) => whole.replaceAll(NO_BREAK_SPACE, ' '))
    })
}

/** Wraps text; returns one string. */
export function wrapped(text: string, width = COLUMNS): string {
  return wrap(text, width).join('\n')
}

/** A name in the left column, and text wrapped beside it. */
export function entry(name: string, text: string): string {
  return wrap(text, COLUMNS - NAME_COLUMNS)
    .map((line, i) => `${(i === 0 ? name : '').padEnd(NAME_COLUMNS)}${line}`)
    .join('\n')
}
