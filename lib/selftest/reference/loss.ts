// Cross-entropy of softmax(logits) with one label a row, over the first `valid` rows:
//   loss = mean of -Σ target log softmax(logits);  dlogits = (softmax - target) / valid * scale
// The target is onehot; with smoothing s it is (1 - s) onehot + s / C.
// A row whose label is out of range is counted, and contributes nothing to the loss or the gradient.
import { input, logSumExp, number, rows, zeros } from './fields.ts'
import type { Reference } from './types.ts'

/**
 * cross_entropy: dlogits [N,C] if wanted, and stats [4] = mean loss, rows whose label is ranked first, rows whose label
 * is among the first `topk`, labels out of range; of logits [N,C], labels [N], valid [1], scale [1], smoothing [1]
 * (default 0). Of equal logits the smaller class is ranked first.
 */
export const crossEntropy: Reference = (fields, inputs, shapes) => {
  const logits = input(inputs, 'logits')
  const labels = input(inputs, 'labels').data
  const valid = input(inputs, 'valid').data[0]!
  const scale = input(inputs, 'scale').data[0]!
  const smoothing = inputs.smoothing?.data[0] ?? 0
  const topk = number(fields, 'topk', 5)
  const [, classes = 0] = logits.shape
  const dlogits = zeros(logits.shape)
  const stats = zeros([4])
  rows(logits)
    .slice(0, valid)
    .forEach((row, n) => {
      const label = labels[n]!
      const own = row[label]
      if (own === undefined) {
        stats.data[3]! += 1
        return
      }
      const logSum = logSumExp(row)
      let before = 0
      row.forEach((element, c) => {
        if (element > own || (element === own && c < label)) before++
        const target = (c === label ? 1 - smoothing : 0) + smoothing / classes
        const slope = Math.exp(element - logSum) - target
        dlogits.data[n * classes + c] = (slope / valid) * scale
        if (target > 0) stats.data[0]! += (target * (logSum - element)) / valid
      })
      if (before < 1) stats.data[1]! += 1
      if (before < topk) stats.data[2]! += 1
    })
  return shapes.dlogits ? { dlogits, stats } : { stats }
}
