// Averages predictions over several views of the same images.
import { input, logSumExp, rows, shapeOf, zeros } from './fields.ts'
import type { Reference } from './types.ts'

/** log_mean_softmax: y [N,C] = log of the mean, over views v, of softmax(x[v]), x [V,N,C]. */
export const logMeanSoftmax: Reference = (_, inputs, shapes) => {
  const { shape, data } = input(inputs, 'x')
  const [views = 1, count = 1, classes = 1] = shape
  const all = rows({ shape: [views * count, classes], data })
  const y = zeros(shapeOf(shapes, 'y'))
  for (let n = 0; n < count; n++) {
    const own = all.filter((_, row) => row % count === n)
    const levels = own.map(logSumExp)
    for (let c = 0; c < classes; c++) {
      const terms = Float64Array.from(own, (row, v) => row[c]! - levels[v]!)
      y.data[n * classes + c] = logSumExp(terms) - Math.log(views)
    }
  }
  return { y }
}
