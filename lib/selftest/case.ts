/** A row of the table of op cases: an op, its fields, and the tensors that it is tested on. */
import type { DType } from '../native/dtype.ts'
import { denseLayout, type Shape } from '../native/layout.ts'
import type { Fields, Reference, Tensors } from './reference/index.ts'

/** How the numbers of an input are generated. The same row and slot always give the same numbers. */
export type Values =
  | { readonly kind: 'normal'; readonly mean?: number; readonly std?: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  /** Integers from low to high, both included. */
  | { readonly kind: 'integers'; readonly low: number; readonly high: number }
  /** These numbers, repeated. */
  | { readonly kind: 'list'; readonly list: readonly number[] }
  /** The tensor of this name in the row's forward run. */
  | { readonly kind: 'forward' }

/** A tensor of a row. */
export interface CaseSlot {
  readonly shape: Shape
  readonly dtype: DType
  /** Layout; with `any` the op chooses it. */
  readonly layout: string
  /** Of an input. */
  readonly values: Values
  /** NaN or an infinity: it takes the place of the number in the middle. */
  readonly spoilt?: number
}

/** Tensors of a row by slot. */
export type CaseSlots = Readonly<Record<string, CaseSlot>>

/**
 * The forward run of a backward op. It computes the slots whose values are `forward`, and its finite differences are
 * what the backward op must return: an output `dx` of the row is the derivative by the forward input `x`.
 */
export interface Forward {
  readonly run: Reference
  readonly fields: Fields
  readonly inputs: CaseSlots
  /** Shapes of its outputs. A name that is also an input refers to the output. */
  readonly shapes: Readonly<Record<string, Shape>>
  /** The scalar that is differentiated. Default: the sum of y * dy. */
  readonly objective?: (outputs: Tensors, inputs: Tensors) => number
  /** Where there is no derivative. `zero`: at x = 0; `max`: where `index` changes. */
  readonly kink?: 'zero' | 'max'
  /** False if the forward run is too slow for finite differences. */
  readonly differences: boolean
}

/** A result a of the reference b passes if |a - b| <= absolute + relative * |b|. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

/** What a row is made from. */
export interface CaseOptions {
  readonly op: string
  readonly fields?: Fields
  readonly inputs: CaseSlots
  /** A slot that is updated in place is also in `inputs`. */
  readonly outputs: CaseSlots
  readonly forward?: Forward
  /** For f32 outputs. Default: that of `tolerances`. Integers must be equal. */
  readonly tolerance?: Tolerance
  /** Outputs that share an input's memory, { output: input }. */
  readonly alias?: Readonly<Record<string, string>>
}

/** A row. */
export interface OpCase extends CaseOptions {
  /** Unique in the table. */
  readonly name: string
  readonly fields: Fields
}

/** Makes a slot. Default: f32, row-major, standard normal numbers. */
export function slot(shape: Shape, options: Partial<Omit<CaseSlot, 'shape'>> = {}): CaseSlot {
  const { dtype = 'f32', layout = denseLayout(shape.length), values = { kind: 'normal' } } = options
  return { shape, dtype, layout, values }
}

/** Makes a slot whose numbers come from the forward run. */
export function fromForward(shape: Shape, options: Partial<Omit<CaseSlot, 'shape'>> = {}) {
  return slot(shape, { ...options, values: { kind: 'forward' } })
}

/** Normal numbers of mean 0. */
export function spread(std: number): Values {
  return { kind: 'normal', std }
}

/** Makes a row and its name. */
export function opCase(options: CaseOptions): OpCase {
  const { op, fields = {}, inputs, outputs, alias = {} } = options
  const slots = Object.entries({ ...outputs, ...inputs }).map(([name, s]) => describe(name, s))
  const settings = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  const aliases = Object.entries(alias).map(([output, input]) => `${output}@${input}`)
  return { ...options, fields, name: [op, ...slots, ...settings, ...aliases].join(' ') }
}

/** A slot in a row's name, such as `x=bf16[2,3,8,8]acdb`; f32 and row-major are left out. */
function describe(name: string, { shape, dtype, layout, values, spoilt }: CaseSlot): string {
  const type = dtype === 'f32' ? '' : dtype
  const order = layout === denseLayout(shape.length) ? '' : layout
  const spot = spoilt === undefined ? '' : `!${spoilt}`
  return `${name}=${type}[${shape}]${order}${describeValues(values)}${spot}`
}

function describeValues(values: Values): string {
  switch (values.kind) {
    case 'normal':
      return values.mean ? `~${values.mean}` : ''
    case 'uniform':
    case 'integers':
      return `~${values.low}…${values.high}`
    case 'list':
      return values.list.length > 8 ? '~list' : `{${values.list}}`
    case 'forward':
      return ''
  }
}
