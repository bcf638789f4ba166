// Converts images to a net's input.
import { borders, images, input, map, number, shapeOf, zeros } from './fields.ts'
import type { Reference } from './types.ts'

/** normalize: y = (x - mean) * scale of x [N,C,H,W], mean [C], scale [C]. */
export const normalize: Reference = (_, inputs) => {
  const x = input(inputs, 'x')
  const mean = input(inputs, 'mean').data
  const scale = input(inputs, 'scale').data
  const [, channels, height, width] = images(x.shape)
  const y = map(x, (element, i) => {
    const c = Math.floor(i / (height * width)) % channels
    return (element - mean[c]!) * scale[c]!
  })
  return { y }
}

/** The two source pixels of each of `to` pixels, and the weight of the second. */
function neighbours(to: number, from: number) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5)
    const first = Math.min(Math.floor(at), from - 1)
    return { first, second: Math.min(first + 1, from - 1), share: at - first }
  })
}

/**
 * resize: y [N,C,OH,OW] of x [N,C,H,W], bilinear, half-pixel centres, no antialiasing. The image fills y except for
 * `padding`, which is set to `value`.
 */
export const resize: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const y = zeros(shapeOf(shapes, 'y'))
  y.data.fill(number(fields, 'value', 0))
  const [top, bottom, left, right] = borders(fields)
  const [count, channels, height, width] = images(x.shape)
  const [, , outHeight, outWidth] = images(y.shape)
  const rows = neighbours(outHeight - top - bottom, height)
  const columns = neighbours(outWidth - left - right, width)
  for (let m = 0; m < count * channels; m++) {
    const pixel = (row: number, column: number) => x.data[(m * height + row) * width + column]!
    rows.forEach((row, i) => {
      columns.forEach((column, j) => {
        const line = (at: number) =>
          pixel(at, column.first) * (1 - column.share) + pixel(at, column.second) * column.share
        const value = line(row.first) * (1 - row.share) + line(row.second) * row.share
        y.data[(m * outHeight + top + i) * outWidth + left + j] = value
      })
    })
  }
  return { y }
}
