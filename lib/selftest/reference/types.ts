import type { Shape } from '../../native/layout.ts'
import type { Fields } from '../../native/op-info.ts'

export type { Fields }

/** Numbers of a tensor: floating point as f64, u8 and i32 as i32, u32 as u32. */
export type Data = Float64Array | Int32Array | Uint32Array

/** A tensor in row-major order. */
export interface Dense<D extends Data = Data> {
  readonly shape: Shape
  readonly data: D
}

/** Tensors by the name of their slot. */
export type Tensors = Readonly<Record<string, Dense>>

/**
 * An op, written for reading: all numbers in f64, nothing shared with the native code.
 *
 * `shapes` has the outputs that are wanted, so that an optional output (`index`, `db`) is computed
 * only where it is named. A slot that is updated in place is in `inputs` and in the result, which
 * is new; no input is changed.
 */
export type Reference = (
  fields: Fields,
  inputs: Tensors,
  shapes: Readonly<Record<string, Shape>>
) => Record<string, Dense>
