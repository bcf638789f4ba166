/** Texts of counts and names, for people. */

/** A whole number with thousands separators: 60,965,224. */
export function count(value: number): string {
  return value.toLocaleString('en-GB')
}

/** A count with its noun: '1 picture', '1,234 pictures', '10 classes'. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

const SHOWN = 3

/** The first three of many names: 'a, b, c and 4 more'. */
export function someOf(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${count(names.length - SHOWN)} more` : ''
  return `${names.slice(0, SHOWN).join(', ')}${more}`
}
