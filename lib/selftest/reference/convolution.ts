// Cross-correlation, which neural networks call convolution:
//   y[n,o,oy,ox] = b[o] + sum over i,ky,kx of x[n, i, oy*sy - top + ky*dy, …] * w[o,i,ky,kx]
// Both gradients visit the same products: each x*w in y contributes dy*w to dx and dy*x to dw.
import { borders, flag, images, input, number, pair, shapeOf, zeros } from './fields.ts'
import type { Fields, Reference } from './types.ts'

/** Positions in y, x and w of the first of `count` products; from one to the next x moves by `step`, w by 1. */
type Visit = (output: number, input: number, weight: number, count: number, step: number) => void

/** Calls `visit` for the products of each row of a filter, except those with padding. */
function products(
  fields: Fields,
  xShape: readonly number[],
  wShape: readonly number[],
  yShape: readonly number[],
  visit: Visit
): void {
  const [strideY, strideX] = pair(fields, 'stride', [1, 1])
  const [dilationY, dilationX] = pair(fields, 'dilation', [1, 1])
  const [top, , left] = borders(fields)
  const groups = number(fields, 'groups', 1)
  const [count, channels, height, width] = images(xShape)
  const [, outputs, outHeight, outWidth] = images(yShape)
  const [kernelY = 1, kernelX = 1] = wShape.slice(-2)
  const inGroup = channels / groups
  for (let n = 0; n < count; n++) {
    for (let o = 0; o < outputs; o++) {
      const firstChannel = Math.floor(o / (outputs / groups)) * inGroup
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) {
          const at = ((n * outputs + o) * outHeight + oy) * outWidth + ox
          const start = ox * strideX - left
          const first = Math.max(0, Math.ceil(-start / dilationX))
          const end = Math.min(kernelX, Math.floor((width - 1 - start) / dilationX) + 1)
          if (end <= first) continue
          const x = start + first * dilationX
          for (let i = 0; i < inGroup; i++) {
            for (let ky = 0; ky < kernelY; ky++) {
              const y = oy * strideY - top + ky * dilationY
              if (y < 0 || y >= height) continue
              const row = ((n * channels + firstChannel + i) * height + y) * width
              const weights = ((o * inGroup + i) * kernelY + ky) * kernelX
              visit(at, row + x, weights + first, end - first, dilationX)
            }
          }
        }
      }
    }
  }
}

/** conv2d: y [N,O,OH,OW] of x [N,I,H,W], w [O,I,kh,kw] or [g,O/g,I/g,kh,kw], b [O]. */
export const conv2d: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const w = input(inputs, 'w')
  const y = zeros(shapeOf(shapes, 'y'))
  products(fields, x.shape, w.shape, y.shape, (output, from, weight, count, step) => {
    let sum = y.data[output]!
    for (let i = 0; i < count; i++) sum += x.data[from + i * step]! * w.data[weight + i]!
    y.data[output] = sum
  })
  const [, outputs, height, width] = images(y.shape)
  const b = inputs.b
  if (b) {
    for (let i = 0; i < y.data.length; i++) {
      y.data[i]! += b.data[Math.floor(i / (height * width)) % outputs]!
    }
  }
  if (flag(fields, 'relu')) {
    for (let i = 0; i < y.data.length; i++) if (y.data[i]! < 0) y.data[i] = 0
  }
  return { y }
}

/** conv2d_backward_data: dx [N,I,H,W] of dy, w. */
export const conv2dBackwardData: Reference = (fields, inputs, shapes) => {
  const dy = input(inputs, 'dy')
  const w = input(inputs, 'w')
  const dx = zeros(shapeOf(shapes, 'dx'))
  products(fields, dx.shape, w.shape, dy.shape, (output, to, weight, count, step) => {
    for (let i = 0; i < count; i++) {
      dx.data[to + i * step]! += dy.data[output]! * w.data[weight + i]!
    }
  })
  return { dx }
}

/** conv2d_backward_weights: dw of the shape of w, and db [O] if wanted, of x, dy. */
export const conv2dBackwardWeights: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const dy = input(inputs, 'dy')
  const dw = zeros(shapeOf(shapes, 'dw'))
  products(fields, x.shape, dw.shape, dy.shape, (output, from, weight, count, step) => {
    for (let i = 0; i < count; i++) {
      dw.data[weight + i]! += dy.data[output]! * x.data[from + i * step]!
    }
  })
  if (!shapes.db) return { dw }
  const db = zeros(shapes.db)
  const [, outputs, height, width] = images(dy.shape)
  for (let i = 0; i < dy.data.length; i++) {
    db.data[Math.floor(i / (height * width)) % outputs]! += dy.data[i]!
  }
  return { dw, db }
}
