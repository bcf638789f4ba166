// Pooling. Padding is never a maximum. Of equal maxima the first in row-major order of the window wins; NaN wins over
// every number.
import { borders, flag, images, input, pair, shapeOf, zeros } from './fields.ts'
import type { Fields, Reference } from './types.ts'

type Visit = (output: number, input: number, inWindow: number) => void

/** Calls `visit` for each pixel of each window, except padding. */
function windows(
  fields: Fields,
  xShape: readonly number[],
  yShape: readonly number[],
  visit: Visit
): void {
  const [kernelY, kernelX] = pair(fields, 'kernel')
  const [strideY, strideX] = pair(fields, 'stride')
  const [top, , left] = borders(fields)
  const [count, channels, height, width] = images(xShape)
  const [, , outHeight, outWidth] = images(yShape)
  for (let map = 0; map < count * channels; map++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        const output = (map * outHeight + oy) * outWidth + ox
        for (let ky = 0; ky < kernelY; ky++) {
          const y = oy * strideY - top + ky
          if (y < 0 || y >= height) continue
          for (let kx = 0; kx < kernelX; kx++) {
            const x = ox * strideX - left + kx
            if (x < 0 || x >= width) continue
            visit(output, (map * height + y) * width + x, ky * kernelX + kx)
          }
        }
      }
    }
  }
}

/** max_pool: y [N,C,OH,OW] of x [N,C,H,W]; index = ky * kernelX + kx of the maximum. */
export const maxPool: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const y = zeros(shapeOf(shapes, 'y'))
  const index = new Int32Array(y.data.length).fill(-1)
  windows(fields, x.shape, y.shape, (output, from, inWindow) => {
    const value = x.data[from]!
    const best = y.data[output]!
    if (index[output] === -1 || value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
      y.data[output] = value
      index[output] = inWindow
    }
  })
  return shapes.index ? { y, index: { shape: y.shape, data: index } } : { y }
}

/** max_pool_backward: dx [N,C,H,W] of dy, index; overlapping windows are summed. */
export const maxPoolBackward: Reference = (fields, inputs, shapes) => {
  const dy = input(inputs, 'dy')
  const index = input(inputs, 'index')
  const dx = zeros(shapeOf(shapes, 'dx'))
  windows(fields, dx.shape, dy.shape, (output, to, inWindow) => {
    if (index.data[output] === inWindow) dx.data[to]! += dy.data[output]!
  })
  return { dx }
}

/** The divisor of each window: its pixels, with those of the padding or without. */
function divisors(fields: Fields, xShape: readonly number[], yShape: readonly number[]) {
  const counts = zeros(yShape).data
  const count = (output: number) => {
    counts[output]! += 1
  }
  if (!flag(fields, 'include_padding', true)) {
    windows(fields, xShape, yShape, count)
    return counts
  }
  const [top, bottom, left, right] = borders(fields)
  const [n, c, height, width] = images(xShape)
  const padded = [n, c, height + top + bottom, width + left + right]
  windows({ ...fields, padding: [0, 0, 0, 0] }, padded, yShape, count)
  return counts
}

/** avg_pool: y [N,C,OH,OW] of x [N,C,H,W]. What `ceil` lets a window reach beyond the padding counts for nothing. */
export const avgPool: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const y = zeros(shapeOf(shapes, 'y'))
  const divisor = divisors(fields, x.shape, y.shape)
  windows(fields, x.shape, y.shape, (output, from) => {
    y.data[output]! += x.data[from]! / divisor[output]!
  })
  return { y }
}

/** avg_pool_backward: dx [N,C,H,W] of dy. */
export const avgPoolBackward: Reference = (fields, inputs, shapes) => {
  const dy = input(inputs, 'dy')
  const dx = zeros(shapeOf(shapes, 'dx'))
  const divisor = divisors(fields, dx.shape, dy.shape)
  windows(fields, dx.shape, dy.shape, (output, to) => {
    dx.data[to]! += dy.data[output]! / divisor[output]!
  })
  return { dx }
}
