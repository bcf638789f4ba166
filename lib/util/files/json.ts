/** JSON without loss, and JSON files with errors that name them. */

import { readText } from './bytes.ts'
import { DamagedFileError } from './errors.ts'

/** A value that JSON holds without loss. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** True for an object that is neither null nor an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for a JSON object. */
export function isJsonObject(value: Json): value is JsonObject {
  return isObject(value)
}

/**
 * Writes `value` as JSON, indented by two spaces, with a line end. Undefined properties are left out.
 *
 * @param name names the value in the error, such as 'state'
 * @throws TypeError naming the property that JSON would drop or change: NaN, Infinity, bigint, functions, Map,
 * Date, typed arrays, cycles
 */
export function jsonText(value: unknown, name: string): string {
  check(value, name, new Set())
  return `${JSON.stringify(value, null, 2)}\n`
}

function check(value: unknown, name: string, above: ReadonlySet<unknown>): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (typeof value !== 'object') fail(name, String(value))
  if (above.has(value)) fail(name, 'a cycle')
  const inside = new Set(above).add(value)
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) check(item, `${name}[${i}]`, inside)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) fail(name, value.constructor.name)
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) check(item, `${name}.${key}`, inside)
  }
}

function fail(name: string, got: string): never {
  throw new TypeError(`[json] ${name}: expected plain JSON, got ${got}; give it as text or number`)
}

/**
 * Reads a JSON file.
 *
 * @throws DamagedFileError if it is not JSON
 * @throws DiskError if it cannot be read
 */
export async function readJson(path: string): Promise<Json> {
  const text = await readText('json', path)
  try {
    return parseJson(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const got = text.trim() === '' ? 'an empty file' : why
    throw new DamagedFileError(`[json] ${path}: expected JSON, got ${got}; use another copy`)
  }
}

/** No file of ours, or of a format that is read here, nests deeper. */
const DEEPEST = 64

/**
 * Parses JSON of a file. `JSON.parse` takes any depth; what walks through the value later does not.
 *
 * @throws SyntaxError for what is no JSON, or is nested deeper than 64
 */
export function parseJson(text: string): Json {
  const value: Json = JSON.parse(text)
  let level: readonly object[] = isNested(value) ? [value] : []
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new SyntaxError(`values nested deeper than ${DEEPEST}`)
    level = level.flatMap((inner) => Object.values(inner).filter(isNested))
  }
  return value
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
