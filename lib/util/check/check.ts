/**
 * Checks what a user passes, once, where it enters: all public functions begin with it. An error names the option,
 * what was expected and what came.
 */
import { join, type Rule } from './rule.ts'

/** The class of an error. */
export type ErrorClass = new (message: string) => Error

/**
 * Checks the options of a function.
 *
 * @param topic what the message begins with, such as 'train'
 * @param as class of the error. Default: RangeError
 * @throws an error such as `[train] lr: expected a number from 0, got "0.1"`
 */
export function checkOptions(
  topic: string,
  options: unknown,
  rule: Rule,
  as: ErrorClass = RangeError
): void {
  fail(topic, 'options', '', options, rule, as)
}

/**
 * Checks arguments that are no options: by name, the value and its rule.
 *
 * @throws an error such as `[train] net: expected a net that build made, got none`
 */
export function checkArguments(
  topic: string,
  values: Readonly<Record<string, readonly [value: unknown, rule: Rule<boolean>]>>,
  as: ErrorClass = RangeError
): void {
  for (const [name, [value, rule]] of Object.entries(values)) {
    fail(topic, name, name, value, rule, as)
  }
}

function fail(
  topic: string,
  itself: string,
  place: string,
  value: unknown,
  rule: Rule<boolean>,
  as: ErrorClass
): void {
  const fault = rule.fault(value)
  if (!fault) return
  const { path, expected, got } = fault
  const name = path === '' ? itself : join(place, path)
  throw new as(`[${topic}] ${name}: expected ${expected}, got ${got}`)
}
