/**
 * Text that others wrote, such as class names and names of files, on its way to a terminal: control sequences in it
 * would colour, move or rewrite what stands there, and line ends would forge lines of ours.
 */

/** Control characters, line separators, and marks that turn the direction of writing. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const NOT_LINE_ENDS = /[^\n\t]/

/** Foreign text as one line that a terminal can show: each control character becomes �. */
export function foreign(text: string): string {
  return text.replaceAll(CONTROLS, '\ufffd')
}

/** Text of several lines that may hold foreign text: line ends and tabs stay, other control characters become �. */
export function harmless(text: string): string {
  return text.replaceAll(CONTROLS, (one) => (NOT_LINE_ENDS.test(one) ? '\ufffd' : one))
}

/** JSON for a terminal: control characters that JSON allows in strings are escaped, too. */
export function harmlessJson(json: string): string {
  return json.replaceAll(CONTROLS, (one) =>
    NOT_LINE_ENDS.test(one) ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}` : one
  )
}

/** Longest part of a foreign value that a message shows, in characters. */
const MOST = 200

/** A foreign text in a message, cut where it is too long. */
export function cut(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text
}

/** A foreign value, such as one read from JSON, in a message: `nothing` if it is missing. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? typeof value)
  return foreign(cut(text))
}

/** An error whose message, of one line or more, may hold foreign text: what prints it need not know. */
export class PlainError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(harmless(message), options)
  }
}
