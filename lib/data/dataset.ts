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
