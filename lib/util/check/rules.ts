/** Rules of all values but numbers. */
import { describe, tagOf } from './describe.ts'
import { type Fault, type Rule, type Rules, rule, within } from './rule.ts'
import { unknownName } from './unknown-name.ts'

export { type Bounds, f32, number, positive, seed, whole } from './numbers.ts'
export { type Fault, maybe, type Rule, type Rules, rule } from './rule.ts'

/** true or false. */
export const flag: Rule = rule('true or false', (value) => typeof value === 'boolean')

/** A text of one character or more. */
export const text: Rule = rule('a text', (value) => typeof value === 'string' && value !== '')

/** Any text, also an empty one. */
export const anyText: Rule = rule('a text', (value) => typeof value === 'string')

export const callback: Rule = rule('a function', (value) => typeof value === 'function')

/** A signal of an AbortController, of any realm. */
export const signal: Rule = rule('an AbortSignal', (value) => tagOf(value) === 'AbortSignal')

/** Any object that is not a list. */
export const plain: Rule = rule('an object', isObject)

/** What `for await` takes. */
export const asyncRows: Rule = rule('an async iterable', (value) => {
  return isObject(value) && Symbol.asyncIterator in value
})

/** A map, of any realm. */
export const map: Rule = rule('a Map', (value) => tagOf(value) === 'Map')

/** Any value. */
export const anything: Rule = rule('a value', () => true)

/** One of these texts or numbers. */
export function oneOf(...values: readonly (string | number)[]): Rule {
  const names = values.map((value) => (typeof value === 'string' ? `'${value}'` : `${value}`))
  const last = names.at(-1) ?? ''
  const expected = names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${last}` : last
  return rule(expected, (value) => values.some((known) => known === value))
}

/** A typed array of one of these kinds, of any realm. */
export function typed(...kinds: readonly string[]): Rule {
  return rule(`a ${kinds.join(' or ')}`.replace(/^a (?=I)/, 'an '), (value) => {
    return ArrayBuffer.isView(value) && kinds.includes(tagOf(value))
  })
}

/** A list whose values keep a rule. */
export function list(
  of: Rule,
  { least = 0, most = Number.POSITIVE_INFINITY }: { least?: number; most?: number } = {}
): Rule {
  const count =
    least === most ? `${least} values` : least > 0 ? `${least} or more values` : 'values'
  const expected = `a list of ${count}, each ${of.expected}`
  return {
    expected,
    optional: false,
    fault(value) {
      if (!Array.isArray(value) || value.length < least || value.length > most) {
        return { path: '', expected, got: describe(value) }
      }
      for (let i = 0; i < value.length; i++) {
        const fault = within(`[${i}]`, of, value[i])
        if (fault) return fault
      }
      return undefined
    }
  }
}

/** A value that keeps one of these rules. */
export function either(...rules: readonly Rule[]): Rule {
  const expected = rules.map(({ expected }) => expected).join(', or ')
  return rule(expected, (value) => rules.some((one) => one.fault(value) === undefined))
}

/** An instance of a class of ours. */
export function instance(kind: { readonly prototype: object }, expected: string): Rule {
  return rule(expected, (value) => {
    return isObject(value) && Object.prototype.isPrototypeOf.call(kind.prototype, value)
  })
}

/** More about a rule of an object. */
export interface RecordOptions<Options> {
  /** True if there may be other names. Default false: one may be misspelt, so it is a fault. */
  readonly open?: boolean
  /** What is expected, if the value is no object. Default 'an object'. */
  readonly expected?: string
  /** Finds what is wrong between several values, each of which keeps its own rule. */
  readonly also?: (options: Options) => Fault | undefined
}

/** An object with these values. */
export function record<Options>(
  rules: Rules<Options>,
  { open = false, expected = 'an object', also = () => undefined }: RecordOptions<Options> = {}
): Rule {
  const all = Object.entries<Rule<boolean>>(rules)
  const names = all.map(([name]) => name)
  const faultOf = (value: unknown): Fault | undefined => {
    if (!isObject(value)) return { path: '', expected, got: describe(value) }
    for (const [name, one] of all) {
      const fault = within(name, one, value[name])
      if (fault) return fault
    }
    return open ? undefined : unknownName(value, names)
  }
  const keeps = (value: unknown): value is Options => faultOf(value) === undefined
  return {
    expected,
    optional: false,
    fault: (value) => (keeps(value) ? also(value) : faultOf(value))
  }
}

/** An object that maps any names to values that keep a rule. */
export function dictionary(of: Rule): Rule {
  return {
    expected: 'an object',
    optional: false,
    fault(value) {
      if (!isObject(value)) return { path: '', expected: 'an object', got: describe(value) }
      for (const [name, one] of Object.entries(value)) {
        const fault = within(name, of, one)
        if (fault) return fault
      }
      return undefined
    }
  }
}

/** Objects that hold values otherwise than by name: these would be ignored. */
const holders = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'Date', 'RegExp'])

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  return !Array.isArray(value) && !ArrayBuffer.isView(value) && !holders.has(tagOf(value))
}
