// Matrix products. A dense layer is y = x wᵀ + b, with w [O, I] as in PyTorch.
import { elements, type Shape } from '../../native/layout.ts'
import { flag, input, map, number, shapeOf, zeros } from './fields.ts'
import type { Dense, Reference } from './types.ts'

/** out[m,n] = sum over k of a(m,k) * b(k,n); a transposed operand is read as its transpose. */
function multiply(
  a: Dense,
  transposeA: boolean,
  b: Dense,
  transposeB: boolean,
  shape: readonly number[]
): Dense<Float64Array> {
  const [rows = 0, columns = 0] = shape
  const [aRows = 0, aColumns = 0] = a.shape
  const [, bColumns = 0] = b.shape
  const inner = transposeA ? aRows : aColumns
  const out = zeros(shape)
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      let sum = 0
      for (let k = 0; k < inner; k++) {
        const left = a.data[transposeA ? k * aColumns + m : m * aColumns + k]!
        sum += left * b.data[transposeB ? n * bColumns + k : k * bColumns + n]!
      }
      out.data[m * columns + n] = sum
    }
  }
  return out
}

/** gemm: c [M,N] = alpha * op(a) op(b) + beta * c. */
export const gemm: Reference = (fields, inputs, shapes) => {
  const transposeA = flag(fields, 'transpose_a')
  const transposeB = flag(fields, 'transpose_b')
  const alpha = number(fields, 'alpha', 1)
  const beta = number(fields, 'beta', 0)
  const a = input(inputs, 'a')
  const b = input(inputs, 'b')
  const c = multiply(a, transposeA, b, transposeB, shapeOf(shapes, 'c'))
  const before = beta === 0 ? undefined : input(inputs, 'c').data
  for (let i = 0; i < c.data.length; i++) {
    c.data[i] = alpha * c.data[i]! + (before ? beta * before[i]! : 0)
  }
  return { c }
}

/** One bit an element, 1 if it is above 0 or NaN; eight to a byte, the first in the lowest bit. */
function signBits({ data }: Dense, shape: Shape): Dense<Int32Array> {
  const bytes = new Int32Array(elements(shape))
  for (const [i, value] of data.entries()) if (!(value <= 0)) bytes[i >> 3]! |= 1 << (i & 7)
  return { shape, data: bytes }
}

/** Zeroes the elements of x whose bit of `mask` is 0. */
export function applyMask(x: Dense, mask: Dense): Dense<Float64Array> {
  return map(x, (value, i) => ((mask.data[i >> 3]! >> (i & 7)) & 1 ? value : 0))
}

/** dense: y [N,O] of x [N,I], w [O,I], b [O]; mask [N,O/8] if wanted, the sign bits of y. */
export const dense: Reference = (fields, inputs, shapes) => {
  const y = multiply(input(inputs, 'x'), false, input(inputs, 'w'), true, shapeOf(shapes, 'y'))
  const [, columns = 1] = y.shape
  const b = inputs.b
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i]! + (b ? b.data[i % columns]! : 0)
    y.data[i] = flag(fields, 'relu') && value < 0 ? 0 : value
  }
  return shapes.mask ? { y, mask: signBits(y, shapes.mask) } : { y }
}

/** dense_backward_data: dx [N,I] of dy [N,O], w [O,I], zeroed by the bits of mask [N,I/8]. */
export const denseBackwardData: Reference = (_, inputs, shapes) => {
  const dx = multiply(input(inputs, 'dy'), false, input(inputs, 'w'), false, shapeOf(shapes, 'dx'))
  return { dx: inputs.mask ? applyMask(dx, inputs.mask) : dx }
}

/** dense_backward_weights: dw [O,I], and db [O] if wanted, of x [N,I], dy [N,O]. */
export const denseBackwardWeights: Reference = (_, inputs, shapes) => {
  const dy = input(inputs, 'dy')
  const dw = multiply(dy, true, input(inputs, 'x'), false, shapeOf(shapes, 'dw'))
  if (!shapes.db) return { dw }
  const db = zeros(shapes.db)
  for (let i = 0; i < dy.data.length; i++) db.data[i % db.data.length]! += dy.data[i]!
  return { dw, db }
}
