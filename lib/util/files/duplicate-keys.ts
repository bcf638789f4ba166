/** Finds what `JSON.parse` hides: of two equal names in an object it keeps the last. */

/** A text, or a sign that says where a name stands. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs

/**
 * The first name that an object of a JSON text has twice.
 *
 * @param text JSON that `JSON.parse` takes
 * @returns undefined if all names differ
 *
 * @example
 * duplicateKey('{"a": 1, "\\u0061": 2}') // 'a'
 */
export function duplicateKey(text: string): string | undefined {
  /** The names of each open object; undefined for an open list. */
  const open: (Set<string> | undefined)[] = []
  let last = ''
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const names = open.at(-1)
      const name: unknown = JSON.parse(last)
      if (typeof name !== 'string' || !names) continue
      if (names.has(name)) return name
      names.add(name)
    } else last = token
  }
  return undefined
}
