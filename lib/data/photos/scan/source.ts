/** A source of labelled images: what `prepare` reads. */
import type { ImageShape } from '../../dataset.ts'

/** A picture that was skipped. */
export interface Skipped {
  /** Its name in the source. */
  readonly file: string
  /** The reason, without the name: 'is empty (0 bytes)'. */
  readonly reason: string
}

/** An image of a source: a file to decode, or pixels. */
export type SourceImage =
  | { readonly encoded: Uint8Array }
  /** u8 [height, width, channels] of the source's shape. */
  | { readonly pixels: Uint8Array }

/** The images of the training or test part, in the order in which they are stored. */
export interface SourcePart {
  readonly length: number
  /** Name of an image in the source. */
  name(i: number): string
  label(i: number): number
  /** Bytes of its file when the source was scanned. */
  bytes(i: number): number
  /**
   * Reads an image.
   * @throws DiskError if it cannot be read
   * @throws DataError if it cannot be used
   */
  read(i: number): Promise<SourceImage>
}

/** A folder, tar or list of labelled images. */
export interface Source {
  /** Name of the data set. */
  readonly name: string
  /** How it was recognised, for people: 'a folder of classes'. */
  readonly kind: string
  readonly classes: readonly string[]
  readonly train: SourcePart
  /** Missing if the source has none. */
  readonly test?: SourcePart
  /** Size of the images, for sources of pixels. */
  readonly shape?: ImageShape
  /** Pictures that the scan skipped. */
  readonly skipped: readonly Skipped[]
  /** Notes for people. */
  readonly notes: readonly string[]
  /** Hash of the files' sizes and times. */
  readonly stamp: string
  close(): Promise<void>
}
