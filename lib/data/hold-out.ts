import { permutation } from '../util/random.ts'
import { DataError, type ImageSet } from './dataset.ts'

/**
 * Parts a set in two: images drawn by `seed` that are kept back for validation, and the rest, each in its order.
 * @throws DataError where nothing would be left to train on
 */
export function holdOut(
  set: ImageSet,
  count: number,
  seed: number
): { readonly rest: ImageSet; readonly held: ImageSet } {
  if (!Number.isInteger(count) || count < 1 || count >= set.length) {
    throw new DataError(
      `[data] expected to hold out from 1 to ${set.length - 1} of ${set.length} images, got ${count}`
    )
  }
  const drawn = permutation(set.length, seed, 0)
  const part = (from: number, to: number) => subset(set, drawn.slice(from, to).sort())
  return { held: part(0, count), rest: part(count, set.length) }
}

/** Image i of it is image `numbers[i]` of `set`. */
export function subset(set: ImageSet, numbers: Uint32Array): ImageSet {
  const { height, width, channels, classes, mean, std, meanImage, colours } = set
  return {
    ...{ length: numbers.length, height, width, channels, classes, mean, std },
    ...(meanImage && { meanImage }),
    ...(colours && { colours }),
    read(indices, images, labels) {
      const of = indices.map((index) => {
        const number = numbers[index]
        if (number !== undefined) return number
        throw new RangeError(
          `[data] expected an image from 0 to ${numbers.length - 1}, got ${index}`
        )
      })
      return set.read(of, images, labels)
    }
  }
}
