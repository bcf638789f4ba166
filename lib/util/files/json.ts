// JSON that survives the way to the disk and back, and JSON files read with errors that name them.

import { readFile } from 'node:fs/promises'
import { DamagedFileError, diskError } from './errors.ts'

/** A value that JSON can hold without loss. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** Whether `value` is an object that is neither null nor an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a parsed JSON value is an object. */
export function isJsonObject(value: Json): value is JsonObject {
  return isObject(value)
}

/**
 * The JSON text of `value`, two spaces deep, with a line end. What JSON would drop or change in
 * silence (NaN, Infinity, bigint, functions, Map, Date, typed arrays, cycles) is an error;
 * properties that are undefined are left out.
 *
 * @param name - what the value is called in the error, as `state`
 * @throws TypeError naming the property that JSON cannot hold
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
 * @throws DamagedFileError when it is not JSON
 * @throws DiskError when it cannot be read
 */
export async function readJson(path: string): Promise<Json> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw diskError('json', 'read', path, error)
  }
  try {
    const value: Json = JSON.parse(text)
    return value
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DamagedFileError(`[json] ${path}: expected JSON, got ${why}; use another copy`)
  }
}
