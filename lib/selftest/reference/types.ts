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

/** Tensors by slot. */
export type Tensors = Readonly<Record<string, Dense>>

/**
 * An op in f64, which shares no code with the native ops.
 *
 * `shapes` has the wanted outputs: an optional output (`index`, `db`) is computed only if it is named. A slot that is
 * updated in place is in `inputs` and, as a new tensor, in the result; inputs are not changed.
 */
export type Reference = (
  fields: Fields,
  inputs: Tensors,
  shapes: Readonly<Record<string, Shape>>
) => Record<string, Dense>
