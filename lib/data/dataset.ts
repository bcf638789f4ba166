/** What a data set is, for training code and for people who bring their own images. */
import type { Buffer } from '../engine/memory.ts'

/** A data set or a file of one is not as it should be. */
export class DataError extends Error {
  override name = 'DataError'
}

/** One split of labelled images: bytes, axis order [image, row, column, channel] (NHWC). */
export interface ImageSet {
  /** How many images. */
  readonly length: number
  /** Rows of an image. */
  readonly height: number
  /** Columns of an image. */
  readonly width: number
  readonly channels: number
  /** Class names; label `k` means `classes[k]`. */
  readonly classes: readonly string[]
  /** Mean of the training bytes, one number a channel, as a fraction 0…1. */
  readonly mean: readonly number[]
  /** Standard deviation of the training bytes, one number a channel, as a fraction 0…1. */
  readonly std: readonly number[]
  /** Of sets of photographs: the mean of the training images, 0…255, [row, column, channel]. */
  readonly meanImage?: Float32Array
  /** Of sets of photographs: how each was brought to the size of all; see `decodePhoto`. */
  readonly fit?: 'crop' | 'warp' | 'keep'
  /** Of sets of photographs: how the colours of the training pixels vary. */
  readonly colours?: ColourVariation
  /**
   * Copies image and label number `indices[i]` to place i. Never holds the event loop for longer
   * than the copying of a batch takes; a set that has more to do returns a promise.
   *
   * @param indices which images, each from 0 to length - 1, in any order, repeated or not
   * @param images u8 [indices.length, height, width, channels], or longer
   * @param labels i32 [indices.length], or longer
   * @throws RangeError when an index is out of range or an output is too short
   */
  read(indices: Uint32Array, images: Uint8Array, labels: Int32Array): void | Promise<void>
  /**
   * As `read`, into a device's staging memory from `offset` on, by threads of the set's own: no byte of
   * an image passes through JavaScript. Labels are there at once, images when the promise resolves.
   */
  load?(indices: Uint32Array, to: Buffer, offset: number, labels: Int32Array): Promise<void>
}

/** The principal components of RGB values, 0…255, over all training pixels; the largest comes first. */
export interface ColourVariation {
  /** Eigenvalues of the covariance; their roots are standard deviations. */
  readonly eigenvalues: readonly number[]
  /** `eigenvectors[i]` is the unit vector of `eigenvalues[i]`: one number a channel. */
  readonly eigenvectors: readonly (readonly number[])[]
}

/** A data set: its splits, class names and statistics. */
export interface Dataset {
  readonly name: string
  /** Where it came from, for people: "found in …", "downloaded from … to …", "generated …". */
  readonly source: string
  /** What else a person should know, such as why it is not the data set that was expected. */
  readonly notice?: string
  readonly classes: readonly string[]
  /** Mean of the training bytes, one number a channel, as a fraction 0…1. */
  readonly mean: readonly number[]
  /** Standard deviation of the training bytes, one number a channel, as a fraction 0…1. */
  readonly std: readonly number[]
  readonly train: ImageSet
  readonly test: ImageSet
  /** Whether the images came as one part, of which `test` was taken. */
  readonly heldOut?: boolean
}

/** Images in memory. */
export interface ArrayImageSetOptions {
  /** u8 [image, row, column, channel]; kept, not copied. */
  readonly images: Uint8Array
  /** One a image, from 0 to classes.length - 1; kept, not copied. */
  readonly labels: Uint8Array | Int32Array
  readonly height: number
  readonly width: number
  /** Default 1. */
  readonly channels?: number
  readonly classes: readonly string[]
  /** One number a channel, as a fraction 0…1. Default: that of `images`. */
  readonly mean?: readonly number[]
  /** One number a channel, as a fraction 0…1. Default: that of `images`. */
  readonly std?: readonly number[]
}

/** Mean and standard deviation of each channel, as fractions 0…1. */
export interface ImageStats {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * Checks what `read` was given, for whoever implements an ImageSet.
 *
 * @throws RangeError when an index is out of range or an output is too short
 */
export function checkRead(
  set: Pick<ImageSet, 'length' | 'height' | 'width' | 'channels'>,
  indices: Uint32Array,
  images: Uint8Array,
  labels: Int32Array
): void {
  const count = indices.length
  const bytes = count * set.height * set.width * set.channels
  if (images.length < bytes) {
    throw new RangeError(
      `[data] expected room for ${count} images of ${set.height}×${set.width}×${set.channels}` +
        ` = ${bytes} bytes, got ${images.length}; pass a longer Uint8Array`
    )
  }
  if (labels.length < count) {
    throw new RangeError(
      `[data] expected room for ${count} labels, got ${labels.length}; pass a longer Int32Array`
    )
  }
  for (let i = 0; i < count; i++) {
    if (indices[i]! >= set.length) {
      throw new RangeError(
        `[data] expected image indices from 0 to ${set.length - 1}, got ${indices[i]} at place ${i}`
      )
    }
  }
}

/**
 * Mean and standard deviation of bytes in one pass, [..., channel] order, as fractions 0…1.
 * Exact: counts bytes first. A channel that never varies gets the standard deviation 1, so that
 * dividing by it is safe.
 */
export function imageStats(images: Uint8Array, channels = 1): ImageStats {
  const counts = new ByteCounts(channels)
  counts.add(images)
  return counts.stats()
}

/** How often each byte value occurs in each channel; from it, mean and standard deviation. */
export class ByteCounts {
  readonly #counts: Float64Array
  readonly #channels: number

  constructor(channels: number) {
    this.#channels = channels
    this.#counts = new Float64Array(256 * channels)
  }

  /** Counts whole pixels: bytes in [..., channel] order. */
  add(bytes: Uint8Array): void {
    const counts = this.#counts
    const channels = this.#channels
    if (channels === 1) {
      for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++
      return
    }
    for (let i = 0, channel = 0; i < bytes.length; i++) {
      counts[channel * 256 + bytes[i]!]!++
      if (++channel === channels) channel = 0
    }
  }

  stats(): ImageStats {
    const mean: number[] = []
    const std: number[] = []
    for (let channel = 0; channel < this.#channels; channel++) {
      let n = 0
      let sum = 0
      let squares = 0
      for (let value = 0; value < 256; value++) {
        const count = this.#counts[channel * 256 + value]!
        n += count
        sum += count * value
        squares += count * value * value
      }
      const average = n === 0 ? 0 : sum / n
      const variance = n === 0 ? 0 : Math.max(0, squares / n - average * average)
      mean.push(average / 255)
      std.push(variance === 0 ? 1 : Math.sqrt(variance) / 255)
    }
    return { mean, std }
  }
}

/**
 * Labelled images that lie in memory: for data of one's own.
 *
 * @throws DataError when sizes disagree, there are no images, or a label is out of range
 *
 * @example
 * const set = arrayImageSet({
 *   images: new Uint8Array(2 * 8 * 8 * 3), labels: new Uint8Array([0, 1]),
 *   height: 8, width: 8, channels: 3, classes: ['cat', 'dog']
 * })
 */
export function arrayImageSet(options: ArrayImageSetOptions): ImageSet {
  const { images, labels, height, width, channels = 1, classes } = options
  for (const [what, value] of Object.entries({ height, width, channels })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DataError(`[data] expected ${what} to be a whole number from 1, got ${value}`)
    }
  }
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
  for (const [what, value] of Object.entries({ mean: options.mean, std: options.std })) {
    if (value !== undefined && value.length !== channels) {
      throw new DataError(
        `[data] expected ${what} to hold one number for each of ${channels} channels,` +
          ` got ${value.length}`
      )
    }
  }
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

/**
 * Checks that every label names a class.
 *
 * @param where put into the message, such as a file's name
 * @throws DataError naming the first label that is out of range
 */
export function checkLabels(
  labels: Uint8Array | Int32Array,
  classes: number,
  where = 'labels'
): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (label < 0 || label >= classes) {
      throw new DataError(
        `[data] ${where}: expected labels from 0 to ${classes - 1} (${classes} classes),` +
          ` got ${label} for image ${i}; correct the label or name more classes`
      )
    }
  }
}
