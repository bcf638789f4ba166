// Batch normalisation of a batch that several processes share, each with a part of its rows.
import { channelMeans, channelOf } from './batch-norm.ts'
import { input, map, number, shapeOf, zeros } from './fields.ts'
import type { Reference } from './types.ts'

/**
 * batch_norm_moments: row `slot` of moments [slots, 1 + C + C] gets the count N * H * W of x, the mean of each channel,
 * and the sum of squares around it; the other rows are 0.
 */
export const batchNormMoments: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const moments = zeros(shapeOf(shapes, 'moments'))
  const [, channels = 1] = x.shape
  const [, length = 0] = moments.shape
  const count = x.data.length / channels
  const channel = channelOf(x.shape)
  const mean = channelMeans(x, (element) => element).data
  const squares = channelMeans(x, (element, i) => (element - mean[channel(i)]!) ** 2)
  const row = [count, ...mean, ...squares.data.map((square) => square * count)]
  moments.data.set(row, number(fields, 'slot', 0) * length)
  return { moments }
}

/** batch_norm_combine: mean [C] and var [C] of all rows of moments together; 0 where no row counts. */
export const batchNormCombine: Reference = (_, inputs) => {
  const moments = input(inputs, 'moments')
  const [slots = 0, length = 0] = moments.shape
  const channels = (length - 1) / 2
  const rows = Array.from({ length: slots }, (_, slot) => {
    const row = Float64Array.from(moments.data.subarray(slot * length, (slot + 1) * length))
    return {
      count: row[0]!,
      means: row.subarray(1, 1 + channels),
      squares: row.subarray(1 + channels)
    }
  }).filter(({ count }) => count !== 0)
  const count = rows.reduce((sum, row) => sum + row.count, 0)
  const over = (value: (row: (typeof rows)[number]) => number) =>
    rows.reduce((sum, row) => sum + value(row), 0) / (rows.length > 0 ? count : 1)
  const mean = map(zeros([channels]), (_, c) => over((row) => row.count * row.means[c]!))
  const variance = map(mean, (whole, c) =>
    over((row) => row.squares[c]! + row.count * (row.means[c]! - whole) ** 2)
  )
  return { mean, var: variance }
}

/** batch_norm_backward_sums: dscale [C] and dshift [C] of x, dy, mean, var; and both as sums [2, C]. */
export const batchNormBackwardSums: Reference = (fields, inputs) => {
  const x = input(inputs, 'x')
  const dy = input(inputs, 'dy')
  const mean = input(inputs, 'mean')
  const variance = input(inputs, 'var').data
  const epsilon = number(fields, 'epsilon', 1e-5)
  const channel = channelOf(x.shape)
  const count = x.data.length / mean.data.length
  const centred = (i: number) => x.data[i]! - mean.data[channel(i)]!
  const products = channelMeans(dy, (element, i) => element * centred(i)).data
  const means = channelMeans(dy, (element) => element)
  const dscale = map(mean, (_, c) => (count * products[c]!) / Math.sqrt(variance[c]! + epsilon))
  const dshift = map(means, (element) => element * count)
  const shape = [2, mean.data.length]
  return { dscale, dshift, sums: { shape, data: Float64Array.of(...dscale.data, ...dshift.data) } }
}

/**
 * batch_norm_backward_shared: dx of x, dy, scale, mean, var, and the sums [2, C] of dscale and dshift over all parts of
 * a batch, which has `count` elements a channel.
 */
export const batchNormBackwardShared: Reference = (fields, inputs) => {
  const x = input(inputs, 'x')
  const dy = input(inputs, 'dy')
  const scale = input(inputs, 'scale').data
  const mean = input(inputs, 'mean').data
  const variance = input(inputs, 'var').data
  const sums = input(inputs, 'sums').data
  const epsilon = number(fields, 'epsilon', 1e-5)
  const count = number(fields, 'count')
  const channel = channelOf(x.shape)
  const dx = map(dy, (element, i) => {
    const c = channel(i)
    const deviation = Math.sqrt(variance[c]! + epsilon)
    const centred = (x.data[i]! - mean[c]!) / deviation
    const rest = element - sums[scale.length + c]! / count - (centred * sums[c]!) / count
    return (scale[c]! / deviation) * rest
  })
  return { dx }
}
