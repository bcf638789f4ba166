/** Mutations of JSON: of its values, keys and structure. */
import type { Edit } from './edits.ts'

/** Values as JSON text, so that those are among them that no value of JavaScript writes. */
const VALUES: readonly string[] = [
  ...['null', 'true', 'false', '0', '1', '2', '3', '-1', '0.5', '-0', '1e-320', '1e999', '-1e999'],
  ...['255', '256', '65536', '2147483647', '2147483648', '4294967295', '4294967296', '1e10'],
  ...['9007199254740991', '9007199254740992', '1e20', '1e300'],
  ...[
    '""',
    '"a"',
    '"0"',
    '"NaN"',
    '"../x"',
    '"/etc/passwd"',
    '"."',
    '".."',
    '"a/b"',
    '"a\\u0000b"'
  ],
  ...['"__proto__"', '"constructor"', '"toString"', '"\\u001b[31m"', '"\\ud800"'],
  ...['[]', '{}', '[[]]', '[null]', '[0]', '[1,2,3]', '[-1]', '[1e9,1e9,1e9]', '["a","a"]'],
  ...['{"__proto__":{}}', '{"length":1e9}', '{"toString":1}', '{"lr":1}', '[{}]', '[[],[]]'],
  `"${'x'.repeat(5000)}"`,
  `${'['.repeat(20000)}${']'.repeat(20000)}`
]

const MARK = '\u{e000}value\u{e000}'
/** Begins a key that becomes the one behind it, so that an object has it twice. */
const AGAIN = '\u{e000}again'

type Path = readonly (string | number)[]

/** The paths of a value, its own included, outer ones first; not of what is nested without end. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || path.length > 20) return [path]
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [path, ...inner.flatMap(([key, item]) => pathsOf(item, [...path, key]))]
}

/** A copy of `value` with what is at `path` replaced by what `change` makes of it; undefined removes it. */
function changed(value: unknown, path: Path, change: (old: unknown) => unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return change(value)
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const now = i === key ? changed(item, rest, change) : item
      return now === undefined ? [] : [now]
    })
  }
  const entries = Object.entries(value ?? {})
  return Object.fromEntries(
    entries.flatMap(([name, item]) => {
      const now = name === key ? changed(item, rest, change) : item
      return now === undefined ? [] : [[name, now]]
    })
  )
}

/** A number near another, or far from it. */
function near(old: number, value: number): number {
  const others = [old + 1, old - 1, -old, old * 2, old / 2, old + 0.5, old * 1e9, old ** 3, 1 / old]
  return others[value % others.length] ?? old
}

/** Another key, as one that the value has. */
function withKey(old: unknown, value: number): unknown {
  if (Array.isArray(old)) return [...old, old[value % Math.max(1, old.length)] ?? MARK]
  if (typeof old !== 'object' || old === null) return MARK
  const keys = [...Object.keys(old), 'extra', 'length', 'constructor', '']
  return { ...old, [keys[value % keys.length] ?? 'extra']: MARK }
}

/** Many times the items of an array; an object with one of its keys twice. */
function repeated(old: unknown, { size, value }: Edit): unknown {
  if (Array.isArray(old)) return Array.from({ length: size % 100 }, () => old).flat()
  if (typeof old !== 'object' || old === null) return MARK
  const keys = Object.keys(old)
  return { ...old, [AGAIN + (keys[value % Math.max(1, keys.length)] ?? '')]: MARK }
}

/** Edits one value of a JSON text; returns the text as it is if it is no JSON. */
export function editJson(bytes: Buffer, edit: Edit): Uint8Array {
  const { op, at, value } = edit
  let whole: unknown
  try {
    whole = JSON.parse(bytes.toString('utf8'))
    JSON.stringify(whole)
  } catch {
    // No JSON, or nested deeper than it can be written.
    return bytes
  }
  const paths = pathsOf(whole)
  const path = paths[at % paths.length] ?? []
  const change = (old: unknown): unknown => {
    switch (op % 8) {
      case 1:
        return undefined
      case 2:
        return withKey(old, value)
      case 3:
        return repeated(old, edit)
      case 4:
      case 5:
        return typeof old === 'number' ? near(old, value) : MARK
      default:
        return MARK
    }
  }
  const text = JSON.stringify(changed(whole, path, change)) ?? 'null'
  const out = text.replaceAll(JSON.stringify(MARK), VALUES[value % VALUES.length] ?? 'null')
  return Buffer.from(out.replaceAll(AGAIN, ''))
}
