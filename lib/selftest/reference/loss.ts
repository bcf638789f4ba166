// Cross-entropy of softmax(logits) with one label a row, over the first `valid` rows:
//   loss = mean of -Σ target log softmax(logits);  dlogits = (softmax - target) / valid * scale
// The target is onehot; with smoothing s it is (1 - s) onehot + s / C.
// A row whose label is out of range is counted, and contributes nothing to the loss or the gradient.
import { input, logSumExp, number, rows, zeros } from './fields.ts'
import type { Reference } from './types.ts'

/**
 * cross_entropy: dlogits [N,C] if wanted, and stats [5] = mean loss, rows whose label is ranked first, rows whose label
 * is among the first `topk`, labels out of range, rows whose loss is not finite, which are wrong; of logits [N,C],
 * labels [N], valid [1], scale [1], smoothing [1] (default 0). Of equal logits the smaller class is ranked first.
 */
export const crossEntropy: Reference = (fields, inputs, shapes) =>
  lossOf(fields, inputs, shapes, (row) => {
    const logSum = logSumExp(row)
    return {
      logs: row.map((element) => element - logSum),
      slope: (c, target) => Math.exp((row[c] ?? 0) - logSum) - target
    }
  })

/**
 * sigmoid_cross_entropy: the same of p = sigmoid(logits), clipped to [1e-7, 1 - 1e-7], with log(p / Σp) in the place
 * of log softmax: what Keras makes of sigmoids and sparse categorical cross-entropy. A clipped element has no gradient.
 */
export const sigmoidCrossEntropy: Reference = (fields, inputs, shapes) =>
  lossOf(fields, inputs, shapes, (row) => {
    const [low, high] = [Math.fround(1e-7), Math.fround(1 - 1e-7)]
    const whole = row.map((element) => 1 / (1 + Math.exp(-element)))
    const p = whole.map((element) => Math.min(high, Math.max(low, element)))
    const sum = p.reduce((a, b) => a + b, 0)
    return {
      logs: p.map((element) => Math.log(element / sum)),
      slope: (c, target) => {
        const [own = 0, kept = 0] = [whole[c], p[c]]
        return own < low || own > high ? 0 : (kept / sum - target) * (1 - kept)
      }
    }
  })

/** A row's log-probabilities, and the slope of its loss in logit c. */
interface Row {
  readonly logs: Float64Array
  slope(c: number, target: number): number
}

function lossOf(
  fields: Parameters<Reference>[0],
  inputs: Parameters<Reference>[1],
  shapes: Parameters<Reference>[2],
  rowOf: (row: Float64Array) => Row
): ReturnType<Reference> {
  const logits = input(inputs, 'logits')
  const labels = input(inputs, 'labels').data
  const valid = input(inputs, 'valid').data[0]!
  const scale = input(inputs, 'scale').data[0]!
  const smoothing = inputs.smoothing?.data[0] ?? 0
  const topk = number(fields, 'topk', 5)
  const [, classes = 0] = logits.shape
  const dlogits = zeros(logits.shape)
  const stats = zeros([5])
  rows(logits)
    .slice(0, valid)
    .forEach((row, n) => {
      const label = labels[n]!
      const own = row[label]
      if (own === undefined) {
        stats.data[3]! += 1
        return
      }
      const { logs, slope } = rowOf(row)
      let before = 0
      let loss = 0
      row.forEach((element, c) => {
        if (element > own || (element === own && c < label)) before++
        const target = (c === label ? 1 - smoothing : 0) + smoothing / classes
        dlogits.data[n * classes + c] = (slope(c, target) / valid) * scale
        if (target !== 0) loss -= target * (logs[c] ?? 0)
      })
      stats.data[0]! += loss / valid
      if (!Number.isFinite(loss)) {
        stats.data[4]! += 1
        return
      }
      if (before < 1) stats.data[1]! += 1
      if (before < topk) stats.data[2]! += 1
    })
  return shapes.dlogits ? { dlogits, stats } : { stats }
}
