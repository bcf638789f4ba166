/** How exact a device must compute a row. */
import type { DType } from '../native/dtype.ts'
import type { OpCase, Tolerance } from './case.ts'

/** Tolerances by dtype. Half a unit in the last place is at most 2^-8 of a bf16 number, 2^-11 of an f16 number. */
export const tolerances: Readonly<Record<DType, Tolerance>> = {
  f32: { absolute: 2e-5, relative: 2e-5 },
  bf16: { absolute: 1e-3, relative: 2 ** -8 },
  f16: { absolute: 2e-4, relative: 2 ** -11 },
  u8: { absolute: 0, relative: 0 },
  i32: { absolute: 0, relative: 0 },
  u32: { absolute: 0, relative: 0 }
}

/** What decides how exact a device is. */
export interface Exactness {
  readonly kind: 'cpu' | 'cuda'
  /** True if the factors of f32 products are rounded to TF32. */
  readonly tf32?: boolean
  /** True if equal runs give equal bits. On a CPU they always do. */
  readonly deterministic?: boolean
}

/** Ops that are computed by matrix products. */
const products: ReadonlySet<string> = new Set([
  'conv2d',
  'conv2d_backward_data',
  'conv2d_backward_weights',
  'dense',
  'dense_backward_data',
  'dense_backward_weights',
  'gemm'
])

/** Ops that cuDNN computes by sums in any order, unless it is asked not to. */
const unordered: ReadonlySet<string> = new Set(['conv2d_backward_data', 'conv2d_backward_weights'])

/**
 * The tolerance of a row's output on a device. A GPU differs from a CPU in three ways:
 * - cuDNN computes filter gradients in the dtype of their 16-bit inputs; the op then widens them to f32.
 * - A 16-bit product is rounded before its bias is added. Where the two nearly cancel, the rounding error of the
 *   product remains; products are below 8.
 * - TF32 rounds each factor of a product to the 10 fraction bits of f16.
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
  if (tf32 && products.has(row.op)) return tf32Tolerance
  return row.tolerance ?? tolerances.f32
}

/** True if equal runs of a row give equal bits. */
export function repeats({ op }: OpCase, { kind, deterministic = false }: Exactness): boolean {
  return kind === 'cpu' || deterministic || !unordered.has(op)
}

/** The tolerance of an f32 gradient against finite differences. */
export function differenceTolerance(row: OpCase, { tf32 }: Exactness): Tolerance {
  return tf32 && products.has(row.op) ? tf32Tolerance : { absolute: 1e-4, relative: 1e-4 }
}

/** The sums of the table's rows are near 1, and have up to some thousand products. */
const tf32Tolerance: Tolerance = { absolute: 2e-3, relative: 2 ** -9 }

function isHalf(dtype: DType): boolean {
  return dtype === 'bf16' || dtype === 'f16'
}
