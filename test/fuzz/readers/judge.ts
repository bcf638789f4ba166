/** Judges how a reader ended: with a value, a clear error, or something that no file may cause. */
import { basename } from 'node:path'
import { type Files, WrongValue } from './reader.ts'

/** Errors of JavaScript itself: one that a file causes is a mistake in the reader. */
const OWN_MISTAKES = ['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'AggregateError']
/** More than a terminal shows at a time is no help. */
const LONGEST = 2000

/**
 * Why an error is not clear; undefined if it is.
 *
 * @param folder held the files
 * @param files what they are, or were
 */
export function faultOf(error: unknown, folder: string, files: Files): string | undefined {
  if (!(error instanceof Error)) return `threw no Error: ${String(error)}`
  const { message } = error
  if (error instanceof WrongValue) return `gave a wrong value: ${message}`
  const shown = `${error.name}: ${message.slice(0, 300)}`
  if (OWN_MISTAKES.includes(error.name)) return `an error from inside: ${shown}`
  if (!/^\[[\w-]+\] /.test(message)) return `an error without a topic: ${shown}`
  const names = [folder, ...[...files.keys()].map((name) => basename(name))]
  if (!names.some((name) => message.includes(name))) return `an error that names no file: ${shown}`
  if (/\bgot (undefined|NaN|\[object)/.test(message)) return `says no value: ${shown}`
  if (message.length > LONGEST) return `${message.length} characters of error: ${shown}`
  return undefined
}
