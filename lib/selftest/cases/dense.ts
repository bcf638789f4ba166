import { type DType, floatDTypes } from '../../native/dtype.ts'
import { fromForward, type OpCase, opCase, slot, spread, type Values } from '../case.ts'
import { applyMask, dense } from '../reference/dense.ts'
import { input } from '../reference/fields.ts'
import type { Reference } from '../reference/index.ts'

interface Layer {
  readonly batch: number
  readonly from: number
  readonly to: number
  readonly bias?: boolean
  readonly relu?: boolean
  /** The op chooses the layouts. */
  readonly any?: boolean
}

const layers: readonly Layer[] = [
  { batch: 1, from: 1, to: 1 },
  { batch: 1, from: 5, to: 3, bias: true },
  { batch: 4, from: 7, to: 9, bias: true, relu: true },
  { batch: 5, from: 7, to: 9, relu: true },
  { batch: 8, from: 64, to: 10, bias: true },
  { batch: 8, from: 64, to: 32, bias: true, relu: true, any: true },
  // AlexNet's first and last, with fewer units.
  { batch: 2, from: 9216, to: 64, bias: true, relu: true, any: true },
  { batch: 3, from: 512, to: 1000, bias: true }
]

function rows({ batch, from, to, bias = false, relu, any }: Layer, dtype: DType): OpCase[] {
  const layout = any ? { layout: 'any' } : {}
  const numbers = { dtype, ...layout }
  const [x, w, y] = [
    [batch, from],
    [to, from],
    [batch, to]
  ]
  const given = {
    x: slot(x, numbers),
    w: slot(w, { ...numbers, values: spread(from ** -0.5) }),
    ...(bias ? { b: slot([to]) } : {})
  }
  const forward = { run: dense, fields: {}, inputs: given, shapes: { y } }
  const checked = { ...forward, differences: dtype === 'f32' && from * to < 1e5 }
  return [
    opCase({
      op: 'dense',
      fields: relu ? { relu } : {},
      inputs: given,
      outputs: { y: slot(y, numbers) }
    }),
    opCase({
      op: 'dense_backward_data',
      inputs: {
        dy: slot(y, { ...numbers, values: spread(to ** -0.5) }),
        w: fromForward(w, numbers)
      },
      outputs: { dx: slot(x, numbers) },
      forward: checked
    }),
    opCase({
      op: 'dense_backward_weights',
      inputs: { x: fromForward(x, numbers), dy: slot(y, numbers) },
      outputs: { dw: slot(w, layout), ...(bias ? { db: slot([to]) } : {}) },
      forward: checked
    })
  ]
}

/** A dense layer after a ReLU whose sign bits are `mask`. */
const denseAfterRelu: Reference = (fields, inputs, shapes) => {
  const x = applyMask(input(inputs, 'x'), input(inputs, 'mask'))
  return dense(fields, { ...inputs, x }, shapes)
}

/** All but one in eight are odd: with odd weights no sum over 72 inputs is 0. */
const odd: Values = { kind: 'list', list: [1, -3, 1, 5, -1, 3, -5, 2] }
const weights: Values = { kind: 'list', list: [1, -1, 3, -3, 1, 5, -1, -3, 1, 1, -5] }
const even: Values = { kind: 'list', list: [2, -4, 0] }

/** A ReLU's sign bits, which its layer writes, and the next layer's backward reads. */
function masks(batch: number, units: number, bias: boolean, dtype: DType): OpCase[] {
  const from = 72
  const mask = slot([batch, units / 8], {
    dtype: 'u8',
    values: { kind: 'integers', low: 0, high: 255 }
  })
  const next = 24
  const w = slot([next, units], { dtype, values: spread(next ** -0.5) })
  const [x, dy] = [slot([batch, units], { dtype }), slot([batch, next], { dtype })]
  return [
    opCase({
      op: 'dense',
      fields: { relu: true },
      inputs: {
        x: slot([batch, from], { dtype, values: odd }),
        w: slot([units, from], { dtype, values: weights }),
        ...(bias ? { b: slot([units], { values: even }) } : {})
      },
      outputs: { y: x, mask }
    }),
    opCase({
      op: 'dense_backward_data',
      inputs: { dy, w, mask },
      outputs: { dx: x },
      forward: {
        run: denseAfterRelu,
        fields: {},
        inputs: { x, w, mask },
        shapes: { y: dy.shape },
        differences: dtype === 'f32' && batch < 5
      }
    })
  ]
}

function product(
  [m, n, k]: readonly [number, number, number],
  transpose_a: boolean,
  transpose_b: boolean,
  dtype: DType,
  factors: { alpha?: number; beta?: number } = {}
): OpCase {
  const values = spread(k ** -0.25)
  const c = slot([m, n], { dtype })
  return opCase({
    op: 'gemm',
    fields: { transpose_a, transpose_b, ...factors },
    inputs: {
      a: slot(transpose_a ? [k, m] : [m, k], { dtype, values }),
      b: slot(transpose_b ? [n, k] : [k, n], { dtype, values }),
      ...(factors.beta ? { c } : {})
    },
    outputs: { c }
  })
}

const sizes = [
  [1, 1, 1],
  [5, 7, 3],
  [33, 17, 65]
] as const

/** Rows of dense, its two gradients, and gemm. */
export const denseCases: readonly OpCase[] = floatDTypes.flatMap((dtype) => [
  ...layers.flatMap((layer) => rows(layer, dtype)),
  ...masks(8, 128, true, dtype),
  ...masks(3, 256, true, dtype),
  ...masks(16, 128, false, dtype),
  ...sizes.flatMap((size) =>
    [false, true].flatMap((a) => [false, true].map((b) => product(size, a, b, dtype)))
  ),
  product([5, 7, 3], false, true, dtype, { alpha: -0.5 }),
  product([5, 7, 3], true, false, dtype, { alpha: 2, beta: 1 }),
  product([9, 4, 20], false, false, dtype, { beta: 0.25 })
])
