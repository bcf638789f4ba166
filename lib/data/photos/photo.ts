import type { ImageShape } from '../dataset.ts'

/** Size of a picture in pixels. */
export type PhotoSize = Omit<ImageShape, 'channels'>

/** A decoded photograph. */
export interface Photo extends PhotoSize {
  /** u8 [height, width, 3], RGB. */
  readonly data: Uint8Array
  /** True for a JPEG that lacks its end marker, and nothing else. */
  readonly mended?: true
}
