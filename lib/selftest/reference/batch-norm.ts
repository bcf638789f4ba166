// Batch normalisation (Ioffe and Szegedy 2015), statistics per channel over N, H and W:
//   y = (x - mean) / sqrt(var + epsilon) * scale + shift, var with 1/n (biased)
// Backward, with x̂ = (x - mean) / sqrt(var + epsilon) and means over the same n elements:
//   dx = scale / sqrt(var + epsilon) * (dy - mean(dy) - x̂ * mean(dy * x̂))
import { copy, flag, images, input, isUpdated, map, number, zeros } from './fields.ts'
import type { Dense, Fields, Reference } from './types.ts'

/** The channel of an element. */
export function channelOf(shape: readonly number[]): (index: number) => number {
  const [, channels, height, width] = images(shape)
  return (index) => Math.floor(index / (height * width)) % channels
}

/** The mean of `value` over the elements of each channel. */
export function channelMeans(x: Dense, value: (element: number, index: number) => number) {
  const [count, channels, height, width] = images(x.shape)
  const channel = channelOf(x.shape)
  const means = zeros([channels])
  for (let i = 0; i < x.data.length; i++) {
    means.data[channel(i)]! += value(x.data[i]!, i) / (count * height * width)
  }
  return means
}

function normalise(fields: Fields, inputs: Record<string, Dense>) {
  const x = input(inputs, 'x')
  const [mean, variance] = [input(inputs, 'mean').data, input(inputs, 'var').data]
  const [scale, shift] = [input(inputs, 'scale').data, input(inputs, 'shift').data]
  const epsilon = number(fields, 'epsilon', 1e-5)
  const channel = channelOf(x.shape)
  return map(x, (element, i) => {
    const c = channel(i)
    const y = ((element - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * scale[c]! + shift[c]!
    return flag(fields, 'relu') && y < 0 ? 0 : y
  })
}

/** batch_norm: y, mean [C] and var [C] of x [N,C,H,W] or [N,C], scale [C], shift [C]. */
export const batchNorm: Reference = (fields, inputs) => {
  const x = input(inputs, 'x')
  const channel = channelOf(x.shape)
  const mean = channelMeans(x, (element) => element)
  const variance = channelMeans(x, (element, i) => (element - mean.data[channel(i)]!) ** 2)
  return { y: normalise(fields, { ...inputs, mean, var: variance }), mean, var: variance }
}

/** batch_norm_backward: dx, dscale [C], dshift [C] of x, dy, scale, mean, var. */
export const batchNormBackward: Reference = (fields, inputs) => {
  const x = input(inputs, 'x')
  const dy = input(inputs, 'dy')
  const scale = input(inputs, 'scale').data
  const mean = input(inputs, 'mean').data
  const variance = input(inputs, 'var').data
  const epsilon = number(fields, 'epsilon', 1e-5)
  const channel = channelOf(x.shape)
  const deviation = (i: number) => Math.sqrt(variance[channel(i)]! + epsilon)
  const centred = map(x, (element, i) => (element - mean[channel(i)]!) / deviation(i))
  const meanDy = channelMeans(dy, (element) => element)
  const meanProduct = channelMeans(dy, (element, i) => element * centred.data[i]!)
  const perChannel = x.data.length / scale.length
  const dx = map(dy, (element, i) => {
    const c = channel(i)
    const rest = element - meanDy.data[c]! - centred.data[i]! * meanProduct.data[c]!
    return (scale[c]! / deviation(i)) * rest
  })
  return {
    dx,
    dscale: map(meanProduct, (element) => element * perChannel),
    dshift: map(meanDy, (element) => element * perChannel)
  }
}

/** batch_norm_inference: y of x, scale, shift, running_mean, running_var. */
export const batchNormInference: Reference = (fields, inputs) => {
  const mean = input(inputs, 'running_mean')
  const variance = input(inputs, 'running_var')
  return { y: normalise(fields, { ...inputs, mean, var: variance }) }
}

/**
 * batch_norm_update: running = (1 - momentum) * running + momentum * batch, the variance made
 * unbiased by count / (count - 1), count = N * H * W. Nothing changes if ok is 0.
 */
export const batchNormUpdate: Reference = (fields, inputs) => {
  const runningMean = input(inputs, 'running_mean')
  const runningVar = input(inputs, 'running_var')
  if (!isUpdated(inputs)) {
    return { running_mean: copy(runningMean), running_var: copy(runningVar) }
  }
  const momentum = number(fields, 'momentum', 0.1)
  const count = number(fields, 'count')
  const mean = input(inputs, 'mean').data
  const variance = input(inputs, 'var').data
  const unbiased = count / (count - 1)
  return {
    running_mean: map(runningMean, (r, c) => (1 - momentum) * r + momentum * mean[c]!),
    running_var: map(runningVar, (r, c) => (1 - momentum) * r + momentum * unbiased * variance[c]!)
  }
}
