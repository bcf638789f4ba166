/** Finds options that do not exist. */
// A small library of one purpose, kept by its author since 2013; it also finds the nearest of several names.
import { closestMatch } from 'leven'
import type { Fault } from './rule.ts'

/**
 * The first name of an object that is not known, with the nearest that is. Names without a value do not count.
 *
 * @param names the known ones
 */
export function unknownName(
  given: Readonly<Record<string, unknown>>,
  names: readonly string[]
): Fault | undefined {
  const unknown = Object.keys(given).find(
    (name) => given[name] !== undefined && !names.includes(name)
  )
  if (unknown === undefined) return undefined
  const nearest = closestMatch(unknown, names, { maxDistance: Math.ceil(unknown.length / 3) })
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  const all = names.length > 0 ? `one of the options ${names.join(', ')}` : 'no option'
  return { path: unknown, expected: all, got: `an unknown one${hint}` }
}
