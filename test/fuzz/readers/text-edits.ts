/** Mutations of text: of its words, numbers and lines. */
import type { Edit } from './edits.ts'

const WORDS: readonly string[] = [
  ...['', ' ', '\t', ',', '"', "'", '\n', '\r\n', '\r', '\0', '#', '-', '(', ')', '{', '}', '/'],
  ...[
    '0',
    '1',
    '-1',
    '00',
    '3',
    '10',
    '999999',
    '1000000',
    '2147483648',
    '4294967296',
    '1e9',
    '0.5'
  ],
  ...['99999999999999999999', 'NaN', 'undefined', 'null', 'True', '__proto__', 'constructor', '..'],
  ...['../../x', '/dev/zero', '/dev/null', '.', 'a b', 'é', '\u{1f600}', '\ufeff', '\u001b[31m'],
  'x'.repeat(5000),
  ' '.repeat(5000),
  '1 '.repeat(3000)
]

function replaced<Item>(items: readonly Item[], at: number, by: readonly Item[]): Item[] {
  return [...items.slice(0, at), ...by, ...items.slice(at + 1)]
}

/** Edits a word or a line. Bytes are taken as Latin-1, so that none is lost. */
export function editText(bytes: Buffer, { op, at, size, value }: Edit): Uint8Array {
  const text = bytes.toString('latin1')
  const word = Buffer.from(WORDS[value % WORDS.length] ?? '').toString('latin1')
  const lines = text.split('\n')
  const words = text.split(/(\w+|\s+|[^\w\s])/).filter((part) => part !== '')
  const line = at % lines.length
  const place = at % Math.max(1, words.length)
  const edited = () => {
    switch (op % 8) {
      case 0:
        return replaced(lines, line, []).join('\n')
      case 1:
        return replaced(lines, line, Array(size).fill(lines[line] ?? '')).join('\n')
      case 2:
        return replaced(words, place, Array(size % 9).fill(words[place] ?? '')).join('')
      case 3:
        return replaced(words, place, [words[place] ?? '', word]).join('')
      default:
        return replaced(words, place, [word]).join('')
    }
  }
  return Buffer.from(edited(), 'latin1')
}
