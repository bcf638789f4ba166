// Converts stored images to a net's input, random augmentation included.
import { normal, words } from './dropout.ts'
import { build, flag, images, input, number, pair, shapeOf } from './fields.ts'
import type { Fields, Reference, Tensors } from './types.ts'

/** The corner at which image n is cropped, and whether it is mirrored. */
function placeOf(fields: Fields, { rng }: Tensors, n: number) {
  const [rows, columns] = pair(fields, 'offsets', [1, 1])
  const flip = flag(fields, 'flip')
  const fixed = {
    top: number(fields, 'top', 0),
    left: number(fields, 'left', 0),
    mirrored: flag(fields, 'mirrored')
  }
  if (!rng || (rows === 1 && columns === 1 && !flip)) return fixed
  const group = Math.floor(((rng.data[3] ?? 0) + n) / number(fields, 'shared', 1))
  const [down, across, side] = words(rng, number(fields, 'purpose', 0), 4 * group)
  return {
    top: fixed.top + Math.floor((down / 2 ** 32) * rows),
    left: fixed.left + Math.floor((across / 2 ** 32) * columns),
    mirrored: fixed.mirrored !== (flip && side >= 2 ** 31)
  }
}

/** The colour noise of image n: what is added to each channel. */
function shiftOf(fields: Fields, { rng, colours }: Tensors, n: number): number[] {
  if (!rng || !colours) return []
  const [channels = 0] = colours.shape
  const purpose = number(fields, 'colour_purpose', 0)
  const sigma = number(fields, 'sigma', 0)
  const index = 4 * ((rng.data[3] ?? 0) + n)
  const list = Array.from({ length: channels }, (_, k) => k)
  const alphas = list.map((k) => sigma * normal(rng, purpose, index + k))
  return list.map((c) =>
    alphas.reduce((sum, alpha, k) => sum + alpha * colours.data[k * channels + c]!, 0)
  )
}

/**
 * crop: y [N,C,h,w] = (crop of x - mean + shift) · factor, x [N,C,H,W]. The crop begins at (top, left), plus a random
 * offset below `offsets`. `mirrored` mirrors it, `flip` half of the images at random. mean is [C], [C,H,W] aligned with
 * x, or with `fixed_mean` [C,h,w] aligned with y; each row of colours [C,C] is a vector.
 */
export const crop: Reference = (fields, inputs, shapes) => {
  const x = input(inputs, 'x')
  const { mean, factor } = inputs
  const shape = shapeOf(shapes, 'y')
  const [, channels, height, width] = images(x.shape)
  const [count, , h, w] = images(shape)
  const places = Array.from({ length: count }, (_, n) => placeOf(fields, inputs, n))
  const shifts = Array.from({ length: count }, (_, n) => shiftOf(fields, inputs, n))
  const fixed = flag(fields, 'fixed_mean')
  const average = (c: number, inY: number, inX: number) => {
    if (!mean) return 0
    if (mean.shape.length === 1) return mean.data[c]!
    return fixed ? mean.data[c * h * w + inY]! : mean.data[c * height * width + inX]!
  }
  const y = build(shape, (i) => {
    const inY = i % (h * w)
    const row = Math.floor(inY / w)
    const c = Math.floor(i / (h * w)) % channels
    const n = Math.floor(i / (h * w * channels))
    const { top, left, mirrored } = places[n]!
    const column = mirrored ? w - 1 - (inY % w) : inY % w
    const inX = (top + row) * width + left + column
    const byte = x.data[(n * channels + c) * height * width + inX]!
    const shifted = byte - average(c, inY, inX) + (shifts[n]![c] ?? 0)
    return shifted * (factor?.data[c] ?? 1)
  })
  return { y }
}
