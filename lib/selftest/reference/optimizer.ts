// Updates of weights. Numbers that may change between steps are in the tensor `hyper`.
import { build, copy, flag, input, isUpdated } from './fields.ts'
import type { Dense, Reference } from './types.ts'

/** Adds w16, the 16-bit copy of the weights (not rounded here), if it is wanted. */
function withCopy(
  outputs: Record<string, Dense>,
  shapes: Readonly<Record<string, readonly number[]>>,
  inputs: Readonly<Record<string, Dense>>
): Record<string, Dense> {
  const w = input(outputs, 'w')
  if (!shapes.w16) return outputs
  // A skipped step does not change the copy either.
  const before = inputs.w16
  if (!isUpdated(inputs) && before) return { ...outputs, w16: copy(before) }
  return { ...outputs, w16: { shape: w.shape, data: w.data } }
}

/** The factor of gradient clipping; default 1. */
function clip(inputs: Readonly<Record<string, Dense>>): number {
  return inputs.clip?.data[0] ?? 1
}

/**
 * sgd: w, v (and w16) of g and hyper [4] = rate, momentum, decay, grad_scale, and clip [1], another factor on g.
 *
 * As in PyTorch: v = momentum v + g + decay w; w -= rate v; with `nesterov` w -= rate (g + decay w + momentum v). With
 * `rate_in_velocity`, as in Krizhevsky et al. 2012: v = momentum v - rate decay w - rate g; w += v.
 */
export const sgd: Reference = (fields, inputs, shapes) => {
  const w = copy(input(inputs, 'w'))
  const v = copy(input(inputs, 'v'))
  const g = input(inputs, 'g').data
  const [rate = 0, momentum = 0, decay = 0, gradScale = 0] = input(inputs, 'hyper').data
  const inVelocity = flag(fields, 'rate_in_velocity')
  const nesterov = flag(fields, 'nesterov')
  if (isUpdated(inputs)) {
    for (let i = 0; i < g.length; i++) {
      const slope = g[i]! * gradScale * clip(inputs) + decay * w.data[i]!
      v.data[i] = momentum * v.data[i]! + (inVelocity ? -rate * slope : slope)
      const step = nesterov ? slope + momentum * v.data[i]! : v.data[i]!
      w.data[i]! += inVelocity ? step : -rate * step
    }
  }
  return withCopy({ w, v }, shapes, inputs)
}

/**
 * adam (Kingma and Ba 2015): w, m, v (and w16) of g and hyper [8] = rate, beta1, beta2, epsilon,
 * decay, grad_scale, t (1 at the first step), 0, and clip [1] as sgd. Decay is added to the gradient.
 */
export const adam: Reference = (_, inputs, shapes) => {
  const w = copy(input(inputs, 'w'))
  const m = copy(input(inputs, 'm'))
  const v = copy(input(inputs, 'v'))
  const g = input(inputs, 'g').data
  const hyper = input(inputs, 'hyper').data
  const [rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, decay = 0, gradScale = 0, t = 1] = hyper
  if (isUpdated(inputs)) {
    for (let i = 0; i < g.length; i++) {
      const slope = g[i]! * gradScale * clip(inputs) + decay * w.data[i]!
      m.data[i] = beta1 * m.data[i]! + (1 - beta1) * slope
      v.data[i] = beta2 * v.data[i]! + (1 - beta2) * slope * slope
      const mean = m.data[i]! / (1 - beta1 ** t)
      const square = v.data[i]! / (1 - beta2 ** t)
      w.data[i]! -= (rate * mean) / (Math.sqrt(square) + epsilon)
    }
  }
  return withCopy({ w, m, v }, shapes, inputs)
}

/** average: y = d y + (1 - d) w, d = decay [1]. */
export const average: Reference = (_, inputs) => {
  const y = input(inputs, 'y')
  const w = input(inputs, 'w').data
  const d = input(inputs, 'decay').data[0]!
  if (!isUpdated(inputs)) return { y: copy(y) }
  return { y: build(y.shape, (i) => d * y.data[i]! + (1 - d) * w[i]!) }
}

/** norm [1]: the 2-norm of x and, if present, with [1]. */
export const norm: Reference = (_, inputs) => {
  const all = [...input(inputs, 'x').data, ...(inputs.with?.data ?? [])]
  return { norm: build([1], () => Math.sqrt(all.reduce((sum, x) => sum + x * x, 0))) }
}

/** clip [1]: min(1, largest / (factor norm + 1e-6)); hyper [2] = largest, factor. */
export const clipFactor: Reference = (_, inputs) => {
  const [largest = 0, factor = 0] = input(inputs, 'hyper').data
  const norm = factor * input(inputs, 'norm').data[0]!
  return { clip: build([1], () => Math.min(1, largest / (norm + 1e-6))) }
}
