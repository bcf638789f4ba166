import { checkOptions } from '../util/check/check.ts'
import { list, maybe, record, rule, text, typed, whole } from '../util/check/rules.ts'
import { digestOf } from '../util/digest.ts'
import { imageStats } from './byte-counts.ts'
import { checkLabels, checkRead } from './check.ts'
import { DataError, type ImageSet } from './dataset.ts'
import { countFault, meanRule, stdRule } from './rules.ts'

/** Options of `arrayImageSet`. */
export interface ArrayImageSetOptions {
  /** u8 [image, row, column, channel]; not copied. */
  readonly images: Uint8Array
  /** Labels [image], from 0 to classes.length - 1; not copied. */
  readonly labels: Uint8Array | Int32Array
  /** Rows of an image. */
  readonly height: number
  /** Columns of an image. */
  readonly width: number
  /** 1 (grey) or 3 (red, green, blue). Default 1. */
  readonly channels?: number
  /** Class names by label. */
  readonly classes: readonly string[]
  /** Mean by channel, as a fraction 0…1 of 255. Default: that of `images`; give a test set that of the training set. */
  readonly mean?: readonly number[]
  /** Standard deviation by channel, as a fraction 0…1 of 255. Default: that of `images`. */
  readonly std?: readonly number[]
}

const bytes = rule('a Uint8Array of bytes 0 to 255', (value) => {
  return typed('Uint8Array').fault(value) === undefined
})
const arraySet = record<ArrayImageSetOptions>(
  {
    images: bytes,
    labels: typed('Uint8Array', 'Int32Array'),
    height: whole({ from: 1 }),
    width: whole({ from: 1 }),
    channels: maybe(whole({ from: 1 })),
    classes: list(text, { least: 1 }),
    mean: maybe(meanRule),
    std: maybe(stdRule)
  },
  { also: (options) => countFault({ channels: 1, ...options }) }
)

/**
 * Makes an image set from arrays in memory.
 *
 * @throws DataError if sizes disagree, there are no images, or a label is out of range
 *
 * @example
 * const set = arrayImageSet({
 *   images: new Uint8Array(2 * 8 * 8 * 3), labels: new Uint8Array([0, 1]),
 *   height: 8, width: 8, channels: 3, classes: ['cat', 'dog']
 * })
 */
export function arrayImageSet(options: ArrayImageSetOptions): ImageSet {
  checkOptions('data', options, arraySet, DataError)
  const { images, labels, height, width, channels = 1, classes } = options
  const length = labels.length
  const size = height * width * channels
  if (length === 0) throw new DataError('[data] expected at least one image, got 0 labels')
  if (images.length !== length * size) {
    throw new DataError(
      `[data] expected ${length} images of ${height}×${width}×${channels} = ${length * size}` +
        ` bytes (one image for each label), got ${images.length}`
    )
  }
  checkLabels(labels, classes.length)
  const stats = options.mean && options.std ? undefined : imageStats(images, channels)
  const mean = options.mean ?? stats?.mean ?? []
  const std = options.std ?? stats?.std ?? []

  return {
    length,
    height,
    width,
    channels,
    classes,
    mean,
    std,
    digest: () => digestOf(images, labels),
    read(indices, outImages, outLabels) {
      checkRead(this, indices, outImages, outLabels)
      for (let i = 0; i < indices.length; i++) {
        const from = indices[i]! * size
        outImages.set(images.subarray(from, from + size), i * size)
        outLabels[i] = labels[indices[i]!]!
      }
    }
  }
}
