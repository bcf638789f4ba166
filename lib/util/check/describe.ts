/** Texts that name a value which came from outside, for errors. */

const LONGEST = 60
const MOST = 6

/** A value in a few words, on one line: `"0.1"`, `none`, `[1, 2]`, `a Float32Array of 4`, `an object`. */
export function describe(value: unknown): string {
  if (value === undefined) return 'none'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (Array.isArray(value)) return list(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (ArrayBuffer.isView(value)) return view(value)
  if ('then' in value && typeof value.then === 'function') return 'a promise; await it'
  const kind = tagOf(value)
  return /^[AEIO]/.test(kind) ? `an ${named(kind)}` : `a ${named(kind)}`
}

/** The name of a built-in class, which is the same in every realm: 'Uint8Array', 'Map', 'Object'. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

function named(kind: string): string {
  return kind === 'Object' ? 'object' : kind
}

function quoted(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return JSON.stringify(cut)
}

function list(values: readonly unknown[]): string {
  if (values.length > MOST) return `a list of ${values.length}`
  // No deeper than one list: lists may hold each other.
  return `[${values.map((value) => (Array.isArray(value) ? '[…]' : describe(value))).join(', ')}]`
}

function view(value: ArrayBufferView): string {
  const kind = tagOf(value)
  return 'length' in value ? `a ${kind} of ${value.length}`.replace(/^a (?=I)/, 'an ') : `a ${kind}`
}
