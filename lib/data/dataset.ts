/** The interfaces of data sets: what training reads from, and what you implement to bring your own images. */
import type { Buffer } from '../engine/memory.ts'
import { PlainError } from '../util/foreign.ts'

/** A data set, or a file of one, is missing, damaged or inconsistent. The message says what to do. */
export class DataError extends PlainError {
  /** Always 'DataError'; a subclass has its own. */
  override name = 'DataError'
}

/** Size of images. */
export interface ImageShape {
  /** Rows. */
  readonly height: number
  /** Columns. */
  readonly width: number
  /** 1 (grey) or 3 (red, green, blue). */
  readonly channels: number
}

/**
 * How pictures are resized to one size. 'crop' scales a picture until it covers the size, and cuts out the centre.
 * 'warp' stretches it to the size. 'keep' leaves its own size.
 */
export type Fit = 'crop' | 'warp' | 'keep'

/**
 * By which filter pictures are resized. 'lanczos3': sharp's, in the colours that the picture's profile says.
 * 'bilinear': Pillow's with antialiasing, with sizes and crops as torchvision's transforms round them, and colours as
 * the file has them, without its profile: the bytes that a net of torchvision was trained on. Turned pictures are
 * turned upright by both.
 */
export type ResizeFilter = 'lanczos3' | 'bilinear'

/**
 * Labelled images of one size: u8 [image, row, column, channel] (NHWC). `arrayImageSet` makes one from memory;
 * implement the interface for images that lie elsewhere.
 */
export interface ImageSet extends ImageShape {
  /** Number of images. */
  readonly length: number
  /** Class names by label. */
  readonly classes: readonly string[]
  /** Mean of the training images by channel, as a fraction 0…1 of 255. */
  readonly mean: readonly number[]
  /** Standard deviation of the training images by channel, as a fraction 0…1 of 255. */
  readonly std: readonly number[]
  /** Mean of the training images, 0…255, f32 [row, column, channel]. Sets of photographs have it. */
  readonly meanImage?: Float32Array
  /** How photographs were resized to the common size. */
  readonly fit?: Fit
  /** By which filter photographs were resized. Default 'lanczos3'. */
  readonly filter?: ResizeFilter
  /** Principal components of the training pixels' colours. Sets of photographs have them. */
  readonly colours?: ColourVariation
  /**
   * Copies images and labels to the outputs, in the order of `indices`. A set that does more than copying returns
   * a promise, so that the event loop is not blocked.
   *
   * @param indices image numbers from 0 to length - 1, in any order; they may repeat
   * @param images u8 [indices.length, height, width, channels], or longer
   * @param labels i32 [indices.length], or longer
   * @throws RangeError if an index is out of range or an output is too short
   */
  read(indices: Uint32Array, images: Uint8Array, labels: Int32Array): void | Promise<void>
  /**
   * Like `read`, but native threads write the images to a staging buffer. Optional; training prefers it.
   *
   * @param indices image numbers from 0 to length - 1
   * @param to staging buffer: u8 [indices.length, height, width, channels] from byte `offset` on
   * @param offset first byte in the buffer
   * @param labels i32 [indices.length], or longer
   * @returns resolves when all images and labels are written
   */
  load?(indices: Uint32Array, to: Buffer, offset: number, labels: Int32Array): Promise<void>
  /**
   * True for an image that was read, is damaged, and was replaced by another one. Optional; evaluations leave such
   * images out.
   */
  isDamaged?(i: number): boolean
  /**
   * A hash of all images and labels, by which processes that train together compare their copies. Optional; of a set
   * without it they compare a sample.
   */
  digest?(): Promise<string>
}

/** Principal components of the RGB values 0…255 of all training pixels, largest first. */
export interface ColourVariation {
  /** Eigenvalues of the covariance matrix: variances along the eigenvectors. */
  readonly eigenvalues: readonly number[]
  /** Unit eigenvectors [component, channel], in the order of `eigenvalues`. */
  readonly eigenvectors: readonly (readonly number[])[]
}

/** A data set: training and test images, class names and statistics. */
export interface Dataset {
  /** Such as 'fashion-mnist'. */
  readonly name: string
  /** Origin, for people: 'found in …', 'downloaded from … to …', 'generated …'. */
  readonly source: string
  /** A notice for people, such as why this is not the expected data set. */
  readonly notice?: string
  /** Class names by label. */
  readonly classes: readonly string[]
  /** Mean of the training images by channel, as a fraction 0…1 of 255. */
  readonly mean: readonly number[]
  /** Standard deviation of the training images by channel, as a fraction 0…1 of 255. */
  readonly std: readonly number[]
  /** Images to train on. */
  readonly train: ImageSet
  /** Images to test on. */
  readonly test: ImageSet
  /** True if `test` was held out of the training images, since there were no others. */
  readonly heldOut?: boolean
}
