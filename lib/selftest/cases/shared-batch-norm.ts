import { type DType, floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { type Forward, fromForward, type OpCase, opCase, slot } from '../case.ts'
import { batchNorm } from '../reference/batch-norm.ts'
import type { Dense, Reference } from '../reference/index.ts'
import { batchNormBackwardSums } from '../reference/shared-batch-norm.ts'
import { type Norm, norms, positive } from './batch-norm.ts'
import { imageLayouts } from './shapes.ts'

/** The rows of two tensors as one tensor. */
function joined(a: Dense | undefined, b: Dense | undefined): Dense {
  if (!a || !b) throw new Error('[selftest] expected the rows of two processes')
  const [rows = 0, ...rest] = a.shape
  const [more = 0] = b.shape
  return { shape: [rows + more, ...rest], data: Float64Array.of(...a.data, ...b.data) }
}

/** The forward pass of a batch whose rows two processes have: x here, others there. */
const both: Reference = (fields, inputs, shapes) => {
  const x = joined(inputs.x, inputs.others)
  const dy = joined(inputs.dy, inputs.their_dy)
  const outputs = batchNorm(fields, { ...inputs, x }, shapes)
  const { sums } = batchNormBackwardSums(fields, { ...outputs, x, dy }, {})
  if (!sums) throw new Error('[selftest] expected sums')
  return { ...outputs, sums, all_dy: dy }
}

const objective: NonNullable<Forward['objective']> = ({ y, all_dy }) =>
  Float64Array.from(y?.data ?? []).reduce((sum, element, i) => sum + element * all_dy!.data[i]!, 0)

function rows({ x, epsilon, values }: Norm, dtype: DType, layout: string): OpCase[] {
  const [own = 1, channels = 1, ...area] = x
  const perChannel = [channels]
  const image = { dtype, layout }
  const filled = values ? { ...image, values } : image
  const fields = epsilon ? { epsilon } : {}
  const tolerance = { absolute: 1e-4, relative: 2e-5 }
  const differences = dtype === 'f32' && ['ab', 'abcd'].includes(layout)
  const moments = [0, 2].map((place) =>
    opCase({
      op: 'batch_norm_moments',
      fields: place ? { slot: place } : {},
      inputs: { x: slot(x, filled) },
      outputs: { moments: slot([3, 1 + 2 * channels]) },
      // Of sums of squares over a channel.
      tolerance: { absolute: 2e-5, relative: 5e-5 }
    })
  )
  const statistics = { mean: fromForward(perChannel), var: fromForward(perChannel) }
  const given = { x: slot(x, filled), scale: slot(perChannel, { values: positive }) }
  const shift = { shift: slot(perChannel) }
  const sums = opCase({
    op: 'batch_norm_backward_sums',
    fields,
    inputs: { x: fromForward(x, image), dy: slot(x, image), ...statistics },
    outputs: { dscale: slot(perChannel), dshift: slot(perChannel), sums: slot([2, channels]) },
    tolerance,
    forward: {
      run: batchNorm,
      fields,
      inputs: { ...given, ...shift },
      shapes: { y: x, mean: perChannel, var: perChannel },
      differences
    }
  })
  const theirs: Shape = [own + 1, channels, ...area]
  const backward = opCase({
    op: 'batch_norm_backward_shared',
    fields: { ...fields, count: (2 * own + 1) * area.reduce((a, b) => a * b, 1) },
    inputs: {
      x: fromForward(x, image),
      dy: fromForward(x, image),
      scale: fromForward(perChannel),
      ...statistics,
      sums: fromForward([2, channels])
    },
    outputs: { dx: slot(x, image) },
    tolerance,
    forward: {
      run: both,
      fields,
      inputs: {
        ...given,
        ...shift,
        dy: slot(x, image),
        others: slot(theirs, filled),
        their_dy: slot(theirs, image)
      },
      shapes: { mean: perChannel, var: perChannel, sums: [2, channels] },
      objective,
      differences
    }
  })
  return [...moments, sums, backward]
}

/** Rows [count, C means, C sums of squares] of shares of a batch; a share may be empty. */
function combine(channels: number, counts: readonly number[], mean = 0): OpCase {
  const list = counts.flatMap((count, share) => [
    count,
    ...Array.from({ length: channels }, (_, c) => count && mean + ((3 * share + 5 * c) % 7) / 4),
    ...Array.from({ length: channels }, (_, c) => count * (1 + ((2 * share + c) % 5) / 2))
  ])
  const perChannel = [channels]
  return opCase({
    op: 'batch_norm_combine',
    inputs: {
      moments: slot([counts.length, 1 + 2 * channels], { values: { kind: 'list', list } })
    },
    outputs: { mean: slot(perChannel), var: slot(perChannel) }
  })
}

/** Rows of the ops of batch norm whose batch several processes share. */
export const sharedBatchNormCases: readonly OpCase[] = [
  ...floatDTypes.flatMap((dtype) =>
    norms.flatMap((norm) =>
      (norm.x.length === 2 ? ['ab'] : imageLayouts).flatMap((layout) => rows(norm, dtype, layout))
    )
  ),
  combine(16, [128]),
  combine(5, [12, 8, 8]),
  combine(3, [12, 0, 4, 0], 1000),
  combine(7, [0, 0])
]
