/**
 * One row of the table of op cases: an op, its parameters, and the tensors that it is tried on.
 */
import type { DType } from '../native/dtype.ts'
import { denseLayout, type Shape } from '../native/layout.ts'
import type { Fields, Reference, Tensors } from './reference/index.ts'

/** How the numbers of an input are made; all of them repeat for the same row and slot. */
export type Values =
  | { readonly kind: 'normal'; readonly mean?: number; readonly std?: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  /** Whole numbers from low to high, both included. */
  | { readonly kind: 'integers'; readonly low: number; readonly high: number }
  /** These numbers, from the start again when they run out. */
  | { readonly kind: 'list'; readonly list: readonly number[] }
  /** What the row's forward run read or wrote under the slot's name. */
  | { readonly kind: 'forward' }

/** A tensor of a row. */
export interface CaseSlot {
  readonly shape: Shape
  readonly dtype: DType
  /** Where the elements lie; `any` leaves it to the op. */
  readonly layout: string
  /** For inputs. */
  readonly values: Values
}

/** Tensors of a row by the name of their slot. */
export type CaseSlots = Readonly<Record<string, CaseSlot>>

/**
 * The forward run before a backward op: it makes the numbers of the slots whose values are
 * `forward`, and finite differences of it are what the backward op must return. An output `dx` of
 * the row is the derivative by the forward input `x`.
 */
export interface Forward {
  readonly run: Reference
  readonly fields: Fields
  readonly inputs: CaseSlots
  /** Shapes of its outputs; a name that is among the inputs too means the output. */
  readonly shapes: Readonly<Record<string, Shape>>
  /** The number that is differentiated; when absent, the sum of y * dy. */
  readonly objective?: (outputs: Tensors, inputs: Tensors) => number
  /** Where no derivative is: `zero`, at 0 of x; `max`, where `index` changes. */
  readonly kink?: 'zero' | 'max'
  /** False where the forward run is too slow for finite differences. */
  readonly differences: boolean
}

/** A pair a, b passes where |a - b| <= absolute + relative * |b|, b the reference. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

/** What is needed to make a row. */
export interface CaseOptions {
  readonly op: string
  readonly fields?: Fields
  readonly inputs: CaseSlots
  /** A slot that is updated in place is in `inputs` too. */
  readonly outputs: CaseSlots
  readonly forward?: Forward
  /** For f32 outputs; when absent, that of {@link tolerances}. Integers must be equal. */
  readonly tolerance?: Tolerance
  /** Outputs that lie where an input lies, by name. */
  readonly alias?: Readonly<Record<string, string>>
}

/** A row. */
export interface OpCase extends CaseOptions {
  /** Says all that tells the row from others. */
  readonly name: string
  readonly fields: Fields
}

/** Tolerances by dtype: half a unit in the last place is 2^-8 of a bf16 number at most, 2^-11 of an f16. */
export const tolerances: Readonly<Record<DType, Tolerance>> = {
  f32: { absolute: 2e-5, relative: 2e-5 },
  bf16: { absolute: 1e-3, relative: 2 ** -8 },
  f16: { absolute: 2e-4, relative: 2 ** -11 },
  u8: { absolute: 0, relative: 0 },
  i32: { absolute: 0, relative: 0 },
  u32: { absolute: 0, relative: 0 }
}

/** What tells how exact a device is. */
export interface Exactness {
  readonly kind: 'cpu' | 'cuda'
  /** Whether products of f32 numbers are rounded to TF32. */
  readonly tf32?: boolean
  /** Whether equal runs give equal bits, as they always do on a CPU. */
  readonly deterministic?: boolean
}

/** Ops whose work is done by matrix products. */
const products = /^(conv2d|dense|gemm)/

/**
 * How far an output of a row may be off on a device. A GPU differs in three ways:
 * - cuDNN gives filter gradients in the dtype of their 16-bit inputs, which the op then widens to f32: they
 *   are as exact as that dtype;
 * - a 16-bit product is rounded before its bias is added: where the two nearly cancel, the rounding of the
 *   product, which is below 8, stays;
 * - TF32 has f16's 10 bits after the point, and each factor of a product is rounded to them.
 */
export function toleranceOf(row: OpCase, output: string, { kind, tf32 }: Exactness): Tolerance {
  const { dtype = 'f32' } = row.outputs[output] ?? {}
  if (dtype !== 'f32') {
    const { absolute, relative } = tolerances[dtype]
    const twice = kind === 'cuda' && row.inputs.b?.shape.length === 1
    return { absolute: twice ? absolute + 4 * relative : absolute, relative }
  }
  const half = Object.values(row.inputs).find((input) => isHalf(input.dtype))?.dtype
  if (kind === 'cuda' && half && row.op === 'conv2d_backward_weights') return tolerances[half]
  if (tf32 && products.test(row.op)) return tf32Tolerance
  return row.tolerance ?? tolerances.f32
}

/** Whether equal runs of a row give equal bits. cuDNN's gradients are to be asked for it. */
export function repeats({ op }: OpCase, { kind, deterministic = false }: Exactness): boolean {
  return kind === 'cpu' || deterministic || !op.startsWith('conv2d_backward')
}

/** How far a gradient in f32 may be from finite differences. */
export function differenceTolerance(row: OpCase, { tf32 }: Exactness): Tolerance {
  return tf32 && products.test(row.op) ? tf32Tolerance : { absolute: 1e-4, relative: 1e-4 }
}

/** Sums of the table's rows are near 1, and made of up to some thousand products. */
const tf32Tolerance: Tolerance = { absolute: 2e-3, relative: 2 ** -9 }

function isHalf(dtype: DType): boolean {
  return dtype === 'bf16' || dtype === 'f16'
}

/** A slot: f32, row-major, standard normal numbers unless said otherwise. */
export function slot(shape: Shape, options: Partial<Omit<CaseSlot, 'shape'>> = {}): CaseSlot {
  const { dtype = 'f32', layout = denseLayout(shape.length), values = { kind: 'normal' } } = options
  return { shape, dtype, layout, values }
}

/** A slot whose numbers come from the forward run. */
export function fromForward(shape: Shape, options: Partial<Omit<CaseSlot, 'shape'>> = {}) {
  return slot(shape, { ...options, values: { kind: 'forward' } })
}

/** Normal numbers of standard deviation `std`. */
export function spread(std: number): Values {
  return { kind: 'normal', std }
}

/** A row, named. */
export function opCase(options: CaseOptions): OpCase {
  const { op, fields = {}, inputs, outputs, alias = {} } = options
  const slots = Object.entries({ ...outputs, ...inputs }).map(([name, s]) => describe(name, s))
  const settings = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  const shared = Object.entries(alias).map(([output, input]) => `${output}@${input}`)
  return { ...options, fields, name: [op, ...slots, ...settings, ...shared].join(' ') }
}

/** Such as `x=bf16[2,3,8,8]acdb`, f32 and row-major left out. */
function describe(name: string, { shape, dtype, layout, values }: CaseSlot): string {
  const type = dtype === 'f32' ? '' : dtype
  const order = layout === denseLayout(shape.length) ? '' : layout
  return `${name}=${type}[${shape}]${order}${describeValues(values)}`
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
