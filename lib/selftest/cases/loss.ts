import { type DType, floatDTypes } from '../../native/dtype.ts'
import { type OpCase, opCase, slot, type Values } from '../case.ts'
import { crossEntropy, sigmoidCrossEntropy } from '../reference/loss.ts'

interface Loss {
  readonly rows: number
  readonly classes: number
  readonly valid?: number
  readonly topk?: number
  readonly scale?: number
  readonly smoothing?: number
  readonly labels?: readonly number[]
  readonly logits?: Values
}

const losses: readonly Loss[] = [
  { rows: 1, classes: 1, topk: 1 },
  { rows: 4, classes: 10 },
  { rows: 8, classes: 1000, scale: 128 },
  { rows: 6, classes: 7, valid: 4, topk: 2, scale: 0.5 },
  { rows: 3, classes: 5, valid: 0 },
  { rows: 5, classes: 4, labels: [0, -1, 4, 3, 1000], topk: 2 },
  { rows: 4, classes: 10, smoothing: 0 },
  { rows: 8, classes: 1000, scale: 128, smoothing: 0.1 },
  { rows: 5, classes: 4, labels: [0, -1, 4, 3, 1000], smoothing: 0.25 },
  { rows: 6, classes: 7, valid: 4, topk: 2, smoothing: 1 },
  // Few distinct numbers: of equal logits the smaller class is ranked first.
  { rows: 16, classes: 12, logits: { kind: 'integers', low: 0, high: 3 } },
  // Logits whose exponentials overflow.
  { rows: 3, classes: 6, logits: { kind: 'integers', low: -1000, high: 1000 } }
]

const heads = {
  cross_entropy: crossEntropy,
  sigmoid_cross_entropy: sigmoidCrossEntropy
} as const

function rowsOf(op: keyof typeof heads, loss: Loss, dtype: DType): OpCase[] {
  const { rows, classes, valid = rows, topk, scale = 1, smoothing, labels, logits } = loss
  const labelValues: Values = labels
    ? { kind: 'list', list: labels }
    : { kind: 'integers', low: 0, high: classes - 1 }
  const shape = [rows, classes]
  const inputs = {
    logits: slot(shape, { dtype, values: logits ?? { kind: 'normal', std: 2 } }),
    labels: slot([rows], { dtype: 'i32', values: labelValues }),
    valid: slot([1], { dtype: 'i32', values: { kind: 'list', list: [valid] } }),
    scale: slot([1], { values: { kind: 'list', list: [scale] } }),
    ...(smoothing !== undefined && {
      smoothing: slot([1], { values: { kind: 'list', list: [smoothing] } })
    })
  }
  const fields = topk ? { topk } : {}
  const stats = slot([5])
  return [
    opCase({ op, fields, inputs, outputs: { stats } }),
    opCase({
      op,
      fields,
      inputs,
      outputs: { dlogits: slot(shape, { dtype }), stats },
      forward: {
        run: heads[op],
        fields,
        inputs,
        shapes: { stats: [5] },
        objective: ({ stats }, { scale }) => (stats?.data[0] ?? 0) * (scale?.data[0] ?? 0),
        differences: dtype === 'f32'
      }
    })
  ]
}

/** cross_entropy and sigmoid_cross_entropy, with and without their gradients. */
export const lossCases: readonly OpCase[] = floatDTypes.flatMap((dtype) =>
  losses.flatMap((loss) => [
    ...rowsOf('cross_entropy', loss, dtype),
    ...rowsOf('sigmoid_cross_entropy', loss, dtype)
  ])
)
