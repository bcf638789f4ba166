/** Reads environment variables of launchers. An error names the variable, what was expected and what came. */
import { foreign } from '../../util/foreign.ts'
import { GroupError } from '../errors.ts'

/** Which process of a group this one is. */
export interface Place {
  readonly rank: number
  readonly size: number
  readonly localRank: number
  readonly localSize: number
}

/** Largest number of processes. */
const MOST = 65_536
const DIGITS = /^\d{1,15}$/

/** The value of a variable; undefined if it is not set, or empty. */
export function textOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] || undefined
}

/** True if one of these variables has a value. */
export function hasAny(env: NodeJS.ProcessEnv, ...names: readonly string[]): boolean {
  return names.some((name) => textOf(env, name) !== undefined)
}

export function wrong(name: string, expected: string, got: string | undefined): GroupError {
  const came = got === undefined ? 'none' : `'${foreign(got.slice(0, 100))}'`
  return new GroupError(`[group] ${name}: expected ${expected}, got ${came}`)
}

/** A whole number that must be there. */
export function numberOf(
  env: NodeJS.ProcessEnv,
  name: string,
  least: number,
  most: number,
  why = ''
): number {
  const value = env[name]
  const number = value !== undefined && DIGITS.test(value) ? Number(value) : Number.NaN
  if (number >= least && number <= most) return number
  const range = least === most ? `${least}` : `a whole number from ${least} to ${most}`
  throw wrong(name, `${range}${why}`, value)
}

/** A whole number, or undefined if the variable is not set. */
export function maybeNumberOf(
  env: NodeJS.ProcessEnv,
  name: string,
  least: number,
  most: number
): number | undefined {
  return textOf(env, name) === undefined ? undefined : numberOf(env, name, least, most)
}

/** Names of the variables of a place. */
export interface PlaceNames {
  readonly rank: string
  readonly size: string
  readonly localRank: string
  readonly localSize: string
}

/**
 * Reads a place. What is on this machine may be left out: a process then counts as the only one there, or, if
 * `oneMachine`, all do as being there.
 */
export function placeOf(env: NodeJS.ProcessEnv, names: PlaceNames, oneMachine = false): Place {
  const size = numberOf(env, names.size, 1, MOST, `, beside ${names.rank}`)
  const rank = numberOf(env, names.rank, 0, size - 1, `, as ${names.size} is ${size}`)
  const usualSize = oneMachine ? size : 1
  const localRank = maybeNumberOf(env, names.localRank, 0, size - 1) ?? (oneMachine ? rank : 0)
  const localSize =
    maybeNumberOf(env, names.localSize, 1, size) ?? Math.max(usualSize, localRank + 1)
  if (localRank >= localSize) {
    const less = `a number below ${names.localSize}, which is ${localSize}`
    throw wrong(names.localRank, less, String(localRank))
  }
  return { rank, size, localRank, localSize }
}
