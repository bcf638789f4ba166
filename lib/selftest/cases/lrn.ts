import { type DType, floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { fromForward, type OpCase, opCase, slot } from '../case.ts'
import { relu } from '../reference/activation.ts'
import { input } from '../reference/fields.ts'
import type { Fields, Reference } from '../reference/index.ts'
import { lrn, lrnWithin } from '../reference/lrn.ts'
import { imageLayouts } from './shapes.ts'

interface Normalisation {
  readonly x: Shape
  readonly fields: Fields
}

// Alpha is large in most rows, so that a wrong window makes a difference.
const across: readonly Normalisation[] = [
  { x: [1, 96, 7, 7], fields: {} },
  { x: [2, 16, 5, 5], fields: { alpha: 0.5 } },
  { x: [2, 16, 5, 5], fields: { alpha: 0.5, groups: 2 } },
  { x: [1, 12, 3, 4], fields: { alpha: 0.5, groups: 4 } },
  { x: [2, 32, 4, 3], fields: { alpha: 0.5, beta: 0.5, k: 1, groups: 2 } },
  { x: [1, 256, 3, 2], fields: { alpha: 0.5, beta: 1, groups: 2 } },
  { x: [2, 7, 4, 5], fields: { size: 3, alpha: 0.2, beta: 0.5, k: 1 } },
  { x: [2, 10, 3, 3], fields: { size: 4, alpha: 0.2, k: 1 } },
  { x: [1, 10, 3, 3], fields: { size: 2, alpha: 0.2, beta: 1, groups: 2 } },
  { x: [1, 3, 4, 4], fields: { size: 9, alpha: 0.1, k: 1.5 } },
  { x: [1, 1, 3, 3], fields: { alpha: 1 } },
  { x: [2, 5, 3, 3], fields: { size: 1, alpha: 1, beta: 0.6 } }
]

const within: readonly Normalisation[] = [
  { x: [1, 16, 13, 13], fields: { alpha: 0.001 } },
  { x: [2, 3, 7, 6], fields: { alpha: 0.1, beta: 0.5, k: 1 } },
  { x: [1, 5, 6, 6], fields: { size: 3, alpha: 0.3 } },
  { x: [1, 4, 5, 7], fields: { size: 4, alpha: 0.3, k: 1 } },
  { x: [1, 2, 3, 3], fields: { size: 9, alpha: 0.1 } }
]

/** ReLU, then LRN, for the backward op that does both. Its x is the ReLU's output. */
const reluLrn: Reference = (fields, inputs, shapes) => {
  const x = input(relu({}, inputs, {}), 'y')
  return { ...lrn(fields, { x }, shapes), x }
}

function rows(
  op: 'lrn' | 'lrn_within',
  { x, fields }: Normalisation,
  dtype: DType,
  layout: string
): OpCase[] {
  const image = { dtype, layout }
  const given = { x: slot(x, image) }
  const forward = {
    fields,
    inputs: given,
    shapes: { y: x },
    differences: dtype === 'f32' && layout === 'abcd'
  }
  const backward = {
    op: `${op}_backward`,
    inputs: { x: fromForward(x, image), dy: slot(x, image) },
    outputs: { dx: slot(x, image) }
  }
  const run = op === 'lrn' ? lrn : lrnWithin
  const plain = [
    opCase({ op, fields, inputs: given, outputs: { y: slot(x, image) } }),
    opCase({ ...backward, fields, forward: { ...forward, run } })
  ]
  if (op === 'lrn_within') return plain
  const both = { ...backward, fields: { ...fields, relu: true } }
  return [
    ...plain,
    opCase({ ...both, forward: { ...forward, shapes: { y: x, x }, run: reluLrn, kink: 'zero' } })
  ]
}

/** Rows whose x has zeros, one of them where a NaN or an infinity is put into dy: its term is NaN. */
function zeroRows(dtype: DType, layout: string): OpCase[] {
  const row = (op: string, x: Shape, more: Fields = {}) => {
    const image = { dtype, layout }
    const values = { kind: 'list', list: [0, 1, -1, 0.5, 2] } as const
    return opCase({
      op,
      fields: { size: 3, alpha: 0.3, beta: 0.6, ...more },
      inputs: { x: slot(x, { ...image, values }), dy: slot(x, image) },
      outputs: { dx: slot(x, image) }
    })
  }
  return [
    row('lrn_backward', [1, 5, 2, 5]),
    row('lrn_backward', [1, 5, 2, 5], { relu: true }),
    row('lrn_within_backward', [1, 2, 5, 5])
  ]
}

/** Rows of lrn, lrn_within and their gradients. */
export const lrnCases: readonly OpCase[] = floatDTypes.flatMap((dtype) =>
  imageLayouts.flatMap((layout) => [
    ...across.flatMap((row) => rows('lrn', row, dtype, layout)),
    ...within.flatMap((row) => rows('lrn_within', row, dtype, layout)),
    ...zeroRows(dtype, layout)
  ])
)
