/** Text for people: no line is wider than a terminal of 80 columns. */

/** Columns of a line. */
export const COLUMNS = 80

/** A whole number with commas: 60,965,224. */
export function count(value: number): string {
  return value.toLocaleString('en-GB')
}

/** Bytes as MiB, from 100 of them without decimals. */
export function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20
  return `${value >= 100 ? count(Math.round(value)) : value.toFixed(1)} MiB`
}

/** A large number in short: 1.87 G, 620 M, 47.1 k. */
export function short(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3]
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`
  }
  return String(value)
}

/** A fraction as people read it: .812. */
export function fraction(value: number): string {
  const text = value.toFixed(3)
  return text.startsWith('0') ? text.slice(1) : text
}

/** Images a second, with as many decimals as it needs. */
export function pace(value: number): string {
  return value >= 100 ? count(Math.round(value)) : value.toFixed(1)
}

/** Seconds as 4:05 or 1:02:03. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  const rest = two(whole % 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`
}

const KEPT = '\u00a0'

/** A path, kept in one piece by `wrap` even where it has spaces. */
export function onePiece(path: string): string {
  return path.replaceAll(' ', KEPT)
}

/** What a terminal would take for a command, such as may be in the name of a file. */
const COMMANDS = /[^\P{Cc}\n\t]/gu

/** Breaks text into lines at spaces; what has none, such as a long path, keeps its length. */
export function wrap(text: string, width = COLUMNS): string[] {
  const harmless = text.replaceAll(COMMANDS, '\ufffd')
  return harmless.split('\n').flatMap((paragraph) => {
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
    return [...lines, line].map((whole) => whole.replaceAll(KEPT, ' '))
  })
}

/** A name in front of text that is wrapped beside it. */
export function entry(name: string, text: string): string {
  const indent = 10
  return wrap(text, COLUMNS - indent)
    .map((line, i) => `${(i === 0 ? name : '').padEnd(indent)}${line}`)
    .join('\n')
}
