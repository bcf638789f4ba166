// Local response normalisation: y_i = x_i * s_i^-beta with s_i = k + alpha * sum of x_j² over the
// window of i. Alpha multiplies the sum, as Krizhevsky et al. 2012 print it; it is not divided by n.
//   dx_i = dy_i s_i^-beta - 2 alpha beta x_i * sum of dy_j x_j s_j^(-beta-1), j whose window has i
import { flag, images, input, number, zeros } from './fields.ts'
import type { Dense, Fields, Reference } from './types.ts'

type Visit = (centre: number, member: number) => void

/** Visits windows over neighbouring channels, within a group of channels. */
function acrossChannels(fields: Fields, shape: readonly number[], visit: Visit): void {
  const size = number(fields, 'size', 5)
  const [count, channels, height, width] = images(shape)
  const inGroup = channels / number(fields, 'groups', 1)
  const pixels = height * width
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      const group = Math.floor(c / inGroup) * inGroup
      const first = c - Math.floor(size / 2)
      for (let j = Math.max(first, group); j < Math.min(first + size, group + inGroup); j++) {
        for (let p = 0; p < pixels; p++) {
          visit((n * channels + c) * pixels + p, (n * channels + j) * pixels + p)
        }
      }
    }
  }
}

/** Visits square windows within a map. */
function withinMap(fields: Fields, shape: readonly number[], visit: Visit): void {
  const size = number(fields, 'size', 5)
  const [count, channels, height, width] = images(shape)
  for (let map = 0; map < count * channels; map++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const top = y - Math.floor(size / 2)
        const left = x - Math.floor(size / 2)
        for (let j = Math.max(top, 0); j < Math.min(top + size, height); j++) {
          for (let i = Math.max(left, 0); i < Math.min(left + size, width); i++) {
            visit((map * height + y) * width + x, (map * height + j) * width + i)
          }
        }
      }
    }
  }
}

type Windows = typeof acrossChannels

function scales(fields: Fields, x: Dense, windows: Windows): Float64Array {
  const alpha = number(fields, 'alpha', 1e-4)
  const scale = zeros(x.shape).data.fill(number(fields, 'k', 2))
  windows(fields, x.shape, (centre, member) => {
    scale[centre]! += alpha * x.data[member]! ** 2
  })
  return scale
}

const forward =
  (windows: Windows): Reference =>
  (fields, inputs) => {
    const x = input(inputs, 'x')
    const beta = number(fields, 'beta', 0.75)
    const scale = scales(fields, x, windows)
    return { y: { shape: x.shape, data: scale.map((s, i) => x.data[i]! * s ** -beta) } }
  }

const backward =
  (windows: Windows): Reference =>
  (fields, inputs) => {
    const x = input(inputs, 'x')
    const dy = input(inputs, 'dy')
    const alpha = number(fields, 'alpha', 1e-4)
    const beta = number(fields, 'beta', 0.75)
    const scale = scales(fields, x, windows)
    // Where x is 0 the term is 0, even if k is 0 and the power infinite, unless dy is not finite.
    const ratio = scale.map((s, j) => {
      const product = dy.data[j]! * x.data[j]!
      return x.data[j] === 0 ? product : product * s ** (-beta - 1)
    })
    const dx = zeros(x.shape)
    windows(fields, x.shape, (centre, member) => {
      dx.data[member]! += ratio[centre]!
    })
    for (let i = 0; i < dx.data.length; i++) {
      const value = x.data[i]!
      const own = dy.data[i]! * scale[i]! ** -beta
      dx.data[i] = own - 2 * alpha * beta * value * dx.data[i]!
      if (flag(fields, 'relu') && value <= 0) dx.data[i] = 0
    }
    return { dx }
  }

/** lrn: y of x [N,C,H,W], windows across channels c-⌊size/2⌋ … of the same group. */
export const lrn = forward(acrossChannels)
/** lrn_backward: dx of x, dy; with `relu` also the backward of the ReLU whose output is x. */
export const lrnBackward = backward(acrossChannels)
/** lrn_within: y of x [N,C,H,W], windows size × size within a map. */
export const lrnWithin = forward(withinMap)
/** lrn_within_backward: dx of x, dy. */
export const lrnWithinBackward = backward(withinMap)
