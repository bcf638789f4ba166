import { checkArguments } from '../util/check/check.ts'
import { seed as aSeed, typed, whole } from '../util/check/rules.ts'
import { permutation } from '../util/random.ts'
import { DataError, type ImageSet } from './dataset.ts'
import { anImageSet } from './rules.ts'

/** A set in two parts. */
export interface HeldOut {
  /** Images to train on, in the order of the set. */
  readonly rest: ImageSet
  /** Images to validate on, in the order of the set. */
  readonly held: ImageSet
}

/**
 * Splits a set at random: `count` images for validation, the rest for training.
 *
 * @param count number of images to hold out, from 1 to set.length - 1
 * @param seed decides which; a whole number from 0 to 2^53 - 1
 * @throws DataError for any other count or seed
 *
 * @example
 * const { rest, held } = holdOut(data.train, 5000, 1)
 * train(net, rest, { epochs: 10, lr: 0.01, validation: { set: held } })
 */
export function holdOut(set: ImageSet, count: number, seed: number): HeldOut {
  checkArguments('data', { set: [set, anImageSet] }, DataError)
  const counts = whole({ from: 1, to: set.length - 1 })
  checkArguments('data', { count: [count, counts], seed: [seed, aSeed] }, DataError)
  const drawn = permutation(set.length, seed, 0)
  const part = (from: number, to: number) => subset(set, drawn.slice(from, to).sort())
  return { held: part(0, count), rest: part(count, set.length) }
}

/**
 * Makes a set of some images of another. It copies nothing.
 *
 * @param numbers image i of the result is image `numbers[i]` of `set`
 * @throws DataError for a number that is no image of `set`
 * @throws RangeError from `read` for an index out of range
 *
 * @example
 * const firstThousand = subset(data.train, Uint32Array.from({ length: 1000 }, (_, i) => i))
 */
export function subset(set: ImageSet, numbers: Uint32Array): ImageSet {
  checkArguments(
    'data',
    { set: [set, anImageSet], numbers: [numbers, typed('Uint32Array')] },
    DataError
  )
  const place = numbers.findIndex((number) => number >= set.length)
  if (place >= 0) {
    throw new DataError(
      `[data] numbers[${place}]: expected an image from 0 to ${set.length - 1}, got ${numbers[place]}`
    )
  }
  const { height, width, channels, classes, mean, std, meanImage, fit, filter, colours } = set
  const load = set.load?.bind(set)
  const numbersOf = (indices: Uint32Array) =>
    indices.map((index) => {
      const number = numbers[index]
      if (number !== undefined) return number
      throw new RangeError(`[data] expected an image from 0 to ${numbers.length - 1}, got ${index}`)
    })
  return {
    length: numbers.length,
    height,
    width,
    channels,
    classes,
    mean,
    std,
    ...(meanImage && { meanImage }),
    ...(fit && { fit }),
    ...(filter && { filter }),
    ...(colours && { colours }),
    read: (indices, images, labels) => set.read(numbersOf(indices), images, labels),
    ...(load && {
      load: async (indices, to, offset, labels) => {
        await load(numbersOf(indices), to, offset, labels)
      }
    }),
    ...(set.isDamaged && { isDamaged: (i) => set.isDamaged?.(numbers[i] ?? i) ?? false })
  }
}
