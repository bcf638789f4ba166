/** Texts of counts and names, for notes. */

const SHOWN = 3

/** The first three of many names: 'a, b, c and 4 more'. */
export function someOf(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${countText(names.length - SHOWN)} more` : ''
  return `${names.slice(0, SHOWN).join(', ')}${more}`
}

/** A count with its noun: '1 picture', '1,234 pictures'. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** A whole number with commas. */
export const countText = (count: number) => count.toLocaleString('en')
