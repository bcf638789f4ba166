/** Cases of the campaign `boundary`, as JSON. */
import type { DType } from '../../../lib/native/dtype.ts'

/** A value of JSON, with the numbers that JSON lacks as texts: 'NaN', 'Infinity', '-Infinity'. */
export type Value = number | string | boolean | null | readonly Value[]

/** A tensor of a call. */
export interface CaseSpec {
  readonly shape?: readonly Value[]
  readonly dtype?: DType
  readonly layout?: string
}

/** One op: it is prepared and, where its tensors take little memory, run once on bytes of any kind. */
export interface OpCall {
  readonly kind: 'op'
  readonly op: string
  readonly fields: Readonly<Record<string, Value>>
  /** In the order of the op's slots; null: left out. */
  readonly specs: readonly (CaseSpec | null)[]
  /** Added to where tensors and, last, the scratch lie in their buffers. */
  readonly shifts: readonly number[]
  /** Seeds the bytes. */
  readonly bytes: number
}

/** One call of the addon. `$name` is the result of an earlier call; `as` names this one's. */
export interface NativeCall {
  readonly name: string
  readonly args: readonly Value[]
  readonly as?: string
}

/** Calls one after another; then what is open is closed, and every promise must have settled. */
export interface Calls {
  readonly kind: 'calls'
  readonly calls: readonly NativeCall[]
}

/** A case. */
export type Case = OpCall | Calls

/** A value as the addon gets it. */
export function decoded(value: Value, names: ReadonlyMap<string, number>): unknown {
  if (typeof value === 'object' && value !== null) return value.map((v) => decoded(v, names))
  if (typeof value !== 'string') return value
  if (value.startsWith('$')) return names.get(value.slice(1)) ?? 0
  return /^(NaN|-?Infinity)$/.test(value) ? Number(value) : value
}
