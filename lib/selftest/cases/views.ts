import { floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { type OpCase, opCase, slot, type Values } from '../case.ts'

const shapes: readonly [Shape, Values][] = [
  [[1, 3, 4], { kind: 'normal', std: 2 }],
  [[10, 5, 10], { kind: 'normal', std: 3 }],
  [[10, 2, 1000], { kind: 'normal', std: 2 }],
  [[2, 1, 1], { kind: 'normal' }],
  // Exponentials overflow or underflow in f32.
  [[4, 3, 7], { kind: 'integers', low: -1000, high: 1000 }]
]

/** Rows of log_mean_softmax. */
export const viewCases: readonly OpCase[] = shapes.flatMap(([shape, values]) =>
  floatDTypes.map((dtype) =>
    opCase({
      op: 'log_mean_softmax',
      inputs: { x: slot(shape, { dtype, values }) },
      outputs: { y: slot(shape.slice(1)) }
    })
  )
)
