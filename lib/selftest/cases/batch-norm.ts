import { type DType, floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { fromForward, type OpCase, opCase, slot, type Values } from '../case.ts'
import { batchNorm } from '../reference/batch-norm.ts'
import { imageLayouts } from './shapes.ts'

export const positive: Values = { kind: 'uniform', low: 0.5, high: 2 }
/** Far from 0: a variance computed from sums of squares would be inexact. */
const shifted: Values = { kind: 'normal', mean: 30 }

/** A tensor to normalise. */
export interface Norm {
  readonly x: Shape
  readonly epsilon?: number
  readonly values?: Values
}

export const norms: readonly Norm[] = [
  { x: [4, 16, 5, 5] },
  { x: [2, 3, 7, 6], epsilon: 0.01 },
  { x: [3, 10, 1, 2], epsilon: 0.001 },
  { x: [1, 1, 4, 4] },
  { x: [2, 96, 13, 13] },
  { x: [3, 5, 6, 6], values: shifted },
  { x: [8, 12] }
]

function rows({ x, epsilon, values }: Norm, dtype: DType, layout: string): OpCase[] {
  const [, channels = 1] = x
  const perChannel = [channels]
  const fields = epsilon ? { epsilon } : {}
  const image = { dtype, layout }
  const given = {
    x: slot(x, values ? { ...image, values } : image),
    scale: slot(perChannel, { values: positive }),
    shift: slot(perChannel)
  }
  const running = {
    running_mean: slot(perChannel),
    running_var: slot(perChannel, { values: positive })
  }
  const statistics = { mean: slot(perChannel), var: slot(perChannel) }
  const y = { y: slot(x, image) }
  const training = [false, true].map((relu) =>
    opCase({
      op: 'batch_norm',
      fields: relu ? { ...fields, relu } : fields,
      inputs: given,
      outputs: { ...y, ...statistics }
    })
  )
  const inference = [false, true].map((relu) =>
    opCase({
      op: 'batch_norm_inference',
      fields: relu ? { ...fields, relu } : fields,
      inputs: { ...given, ...running },
      outputs: y
    })
  )
  const backward = opCase({
    op: 'batch_norm_backward',
    fields,
    inputs: {
      x: fromForward(x, image),
      dy: slot(x, image),
      scale: fromForward(perChannel),
      mean: fromForward(perChannel),
      var: fromForward(perChannel)
    },
    outputs: { dx: slot(x, image), dscale: slot(perChannel), dshift: slot(perChannel) },
    // Sums over a channel whose terms mostly cancel.
    tolerance: { absolute: 1e-4, relative: 2e-5 },
    forward: {
      run: batchNorm,
      fields,
      inputs: given,
      shapes: { y: x, mean: perChannel, var: perChannel },
      differences: dtype === 'f32' && ['ab', 'abcd'].includes(layout)
    }
  })
  return [...training, ...inference, backward]
}

function update(channels: number, count: number, momentum?: number, ok?: number): OpCase {
  const perChannel = [channels]
  const running = {
    running_mean: slot(perChannel),
    running_var: slot(perChannel, { values: positive })
  }
  const flag = slot([1], { dtype: 'i32', values: { kind: 'list', list: [ok ?? 1] } })
  return opCase({
    op: 'batch_norm_update',
    fields: { ...(momentum ? { momentum } : {}), count },
    inputs: {
      ...running,
      mean: slot(perChannel),
      var: slot(perChannel, { values: positive }),
      ...(ok === undefined ? {} : { ok: flag })
    },
    outputs: running
  })
}

/** Rows of batch_norm, its gradient, inference and running statistics. */
export const batchNormCases: readonly OpCase[] = [
  ...floatDTypes.flatMap((dtype) =>
    norms.flatMap((norm) =>
      (norm.x.length === 2 ? ['ab'] : imageLayouts).flatMap((layout) => rows(norm, dtype, layout))
    )
  ),
  update(16, 128),
  update(3, 2, 0.5),
  update(5, 20, 0.1, 1),
  update(5, 20, 0.1, 0)
]
