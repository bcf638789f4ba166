/** What must hold, and an error that tells what was seen instead. */

/** @throws where they are not the same, as JSON */
export function same(what: string, got: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`)
}

/** @throws where `text` does not match, or matches what it must not */
export function match(what: string, text: string, pattern: RegExp, whether = true): void {
  if (pattern.test(text) !== whether) {
    const expected = `${whether ? '' : 'nothing like '}${pattern}`
    throw new Error(`${what}: expected ${expected}, got: ${text.trim().slice(-2000) || 'nothing'}`)
  }
}
