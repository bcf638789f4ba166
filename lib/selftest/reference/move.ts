// Ops that copy, add and fill.
import { build, copy, flag, images, input, map, number, shapeOf } from './fields.ts'
import type { Reference } from './types.ts'

/** add: y = a + b, with `relu` max(a + b, 0). */
export const add: Reference = (fields, inputs) => {
  const b = input(inputs, 'b').data
  const y = map(input(inputs, 'a'), (element, i) => {
    const sum = element + b[i]!
    return flag(fields, 'relu') && sum < 0 ? 0 : sum
  })
  return { y }
}

/** copy_channels: copies `count` channels of x, beginning at `from`, to y, beginning at `to`. */
export const copyChannels: Reference = (fields, inputs) => {
  const x = input(inputs, 'x')
  const y = copy(input(inputs, 'y'))
  const [from, to, wanted] = [
    number(fields, 'from', 0),
    number(fields, 'to', 0),
    number(fields, 'count')
  ]
  const [count, xChannels, height, width] = images(x.shape)
  const [, yChannels] = images(y.shape)
  const pixels = height * width
  for (let n = 0; n < count; n++) {
    const first = (n * xChannels + from) * pixels
    y.data.set(x.data.subarray(first, first + wanted * pixels), (n * yChannels + to) * pixels)
  }
  return { y }
}

/** reorder: y = x; references do not see layouts. */
export const reorder: Reference = (_, inputs) => ({ y: map(input(inputs, 'x'), (x) => x) })

/** scale: y = factor * x. */
export const scale: Reference = (fields, inputs) => {
  const factor = number(fields, 'factor')
  return { y: map(input(inputs, 'x'), (x) => factor * x) }
}

/** fill: y = value. */
export const fill: Reference = (fields, _, shapes) => ({
  y: build(shapeOf(shapes, 'y'), () => number(fields, 'value'))
})

/** finite: sets ok to 0 if an element of x is infinite or NaN. */
export const finite: Reference = (_, inputs) => {
  const finite = input(inputs, 'x').data.every((element) => Number.isFinite(element))
  return { ok: { shape: [1], data: Int32Array.of(finite ? input(inputs, 'ok').data[0]! : 0) } }
}

/** agree: sets the flag ok to 0 if the flag x is 0. */
export const agree: Reference = (_, inputs) => {
  const both = input(inputs, 'x').data[0] === 0 ? 0 : input(inputs, 'ok').data[0]!
  return { ok: { shape: [1], data: Int32Array.of(both) } }
}

/** advance: adds `by` to the step of rng [4] = seed_lo, seed_hi, step, first_sample. */
export const advance: Reference = (fields, inputs) => {
  const rng = copy(input(inputs, 'rng'))
  rng.data[2]! += number(fields, 'by', 1)
  return { rng }
}
