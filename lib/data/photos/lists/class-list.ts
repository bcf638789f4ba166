/** A file that names numbered classes, a line each: `cat`, or with its number: `1 cat`. */

/** Names of numbered classes. */
export interface ClassList {
  /** The file. */
  readonly file: string
  readonly names: readonly string[]
  /** The number of the first class, if the file has numbers. */
  readonly first?: number
}

/** Names of such files. */
export const isClassList = (name: string) =>
  /(^|\/)(classes|class_names|classnames|labels|synsets|categories)\.txt$/i.test(name)

/** Parses such a file; undefined if it is none. */
export function parseClassList(text: string, file: string): ClassList | undefined {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (lines.length === 0) return
  const parts = lines.map((line) => /^(\d+)[\s,:;]+(.+)$/.exec(line))
  const first = Number(parts[0]?.[1])
  const run = parts.every((part, i) => part && Number(part[1]) === first + i)
  if (!run || first > 1) return { file, names: lines }
  return { file, names: parts.map((part) => part?.[2] ?? ''), first }
}
