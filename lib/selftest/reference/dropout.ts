// Random numbers. Element i of the whole net's tensor is lane i mod 4 of Philox4x32-10 at the
// counter (⌊i / 4⌋ low, high, step, purpose) under the key rng[0], rng[1]; step is rng[2].
import { philox } from '../../util/philox.ts'
import { toUniform } from '../../util/random.ts'
import { build, images, input, map, number, shapeOf } from './fields.ts'
import type { Dense, Fields, Reference } from './types.ts'

/** The four random words of the block that has element `index`. */
export function words(
  rng: Dense,
  purpose: number,
  index: number
): [number, number, number, number] {
  const [seedLow = 0, seedHigh = 0, step = 0] = rng.data
  const block = Math.floor(index / 4)
  const counter = [block % 2 ** 32, Math.floor(block / 2 ** 32), step, purpose] as const
  return philox(counter, [seedLow, seedHigh])
}

function uniform(rng: Dense, purpose: number, index: number): number {
  return toUniform(words(rng, purpose, index)[index % 4]!)
}

/** Box and Muller 1958: lanes 0 and 1, and 2 and 3, give two normal numbers each. */
export function normal(rng: Dense, purpose: number, index: number): number {
  const lane = index % 4
  const all = words(rng, purpose, index)
  const first = all[lane < 2 ? 0 : 2]
  const second = all[lane < 2 ? 1 : 3]
  const radius = Math.sqrt(-2 * Math.log(toUniform(first) + 2 ** -24))
  const angle = 2 * Math.PI * toUniform(second)
  return radius * (lane % 2 === 0 ? Math.cos(angle) : Math.sin(angle))
}

/** Multiplies elements whose uniform number is at least `rate` by `scale`; zeroes the others. */
function drop(fields: Fields, x: Dense, rng: Dense): Dense {
  const rate = Math.fround(number(fields, 'rate', 0.5))
  const factor = number(fields, 'scale', 2)
  const purpose = number(fields, 'purpose', 0)
  const [, own, height, width] = images(x.shape)
  const channels = number(fields, 'channels', 0) || own
  const offset = number(fields, 'channel_offset', 0)
  const [, , , firstSample = 0] = rng.data
  return map(x, (element, i) => {
    const sample = firstSample + Math.floor(i / (own * height * width))
    const inSample = (i % (own * height * width)) + offset * height * width
    const index = sample * channels * height * width + inSample
    return uniform(rng, purpose, index) >= rate ? element * factor : 0
  })
}

/**
 * dropout: y of x [N,C] or [N,C,H,W] and rng. If x is a slice of the net's channels, `channels` is their number and
 * `channel_offset` x's first; rng[3] is x's first sample.
 */
export const dropout: Reference = (fields, inputs) => ({
  y: drop(fields, input(inputs, 'x'), input(inputs, 'rng'))
})

/** dropout_backward: dx of dy, with the same random numbers. */
export const dropoutBackward: Reference = (fields, inputs) => ({
  dx: drop(fields, input(inputs, 'dy'), input(inputs, 'rng'))
})

/** fill_uniform: y in [low, high). */
export const fillUniform: Reference = (fields, inputs, shapes) => {
  const rng = input(inputs, 'rng')
  const [low, high] = [number(fields, 'low', 0), number(fields, 'high', 1)]
  const purpose = number(fields, 'purpose')
  return {
    y: build(shapeOf(shapes, 'y'), (i) => low + (high - low) * uniform(rng, purpose, i))
  }
}

/** fill_normal: y with the given mean and standard deviation. */
export const fillNormal: Reference = (fields, inputs, shapes) => {
  const rng = input(inputs, 'rng')
  const [mean, std] = [number(fields, 'mean', 0), number(fields, 'std', 1)]
  const purpose = number(fields, 'purpose')
  return { y: build(shapeOf(shapes, 'y'), (i) => mean + std * normal(rng, purpose, i)) }
}
