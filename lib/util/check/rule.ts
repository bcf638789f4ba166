/** What a value must be. lib/util/check/rules.ts makes rules; lib/util/check/check.ts throws for what breaks them. */
import { describe } from './describe.ts'

/** What is wrong with a value. */
export interface Fault {
  /** The place in the value: '' for itself, 'every', 'classes[2]', … */
  readonly path: string
  readonly expected: string
  readonly got: string
}

/** A rule for one value. */
export interface Rule<Optional extends boolean = false> {
  /** What the value must be, for people. */
  readonly expected: string
  /** True if there need not be a value. */
  readonly optional: Optional
  /** Undefined for a value that keeps the rule. */
  fault(value: unknown): Fault | undefined
}

/**
 * A rule for each option of `Options`. The compiler holds that none is missing, and that an option may be left out
 * just where its type says so.
 */
export type Rules<Options> = {
  readonly [Name in keyof Options]-?: Partial<Pick<Options, Name>> extends Pick<Options, Name>
    ? Rule<true>
    : Rule
}

/** Makes a rule of what is expected and a test. */
export function rule(expected: string, keeps: (value: unknown) => boolean): Rule {
  return {
    expected,
    optional: false,
    fault: (value) => (keeps(value) ? undefined : { path: '', expected, got: describe(value) })
  }
}

/** A rule that also takes no value. */
export function maybe(rule: Rule): Rule<true> {
  return {
    expected: rule.expected,
    optional: true,
    fault: (value) => (value === undefined ? undefined : rule.fault(value))
  }
}

/** The first fault of a part of a value, with the part's place. */
export function within(place: string, rule: Rule<boolean>, value: unknown): Fault | undefined {
  const fault = rule.fault(value)
  return fault && { ...fault, path: join(place, fault.path) }
}

/** 'a' and 'b' are 'a.b'; 'a' and '[0]' are 'a[0]'. */
export function join(place: string, path: string): string {
  if (place === '' || path === '') return place + path
  return path.startsWith('[') ? place + path : `${place}.${path}`
}
