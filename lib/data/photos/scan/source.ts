/** What photographs are prepared from: parts of named, labelled images, read one by one. */

/** Something that was left out, and why. */
export interface Skipped {
  /** Its name in the source. */
  readonly file: string
  readonly reason: string
}

/** An image as its source holds it: a file to decode, or pixels that are ready. */
export type SourceImage =
  | { readonly encoded: Uint8Array }
  /** u8 [height, width, channels] of the source's size. */
  | { readonly pixels: Uint8Array }

/** The images of the train or test part, in the order in which they are written. */
export interface SourcePart {
  readonly length: number
  /** Name of an image in the source. */
  name(i: number): string
  label(i: number): number
  /** Bytes of its file; it is read later, and may be gone by then. */
  bytes(i: number): number
  /** @throws DiskError, DataError where it cannot be read */
  read(i: number): Promise<SourceImage>
}

/** A folder, tar or list of labelled images. */
export interface Source {
  /** Of the data set, for people. */
  readonly name: string
  /** What it was taken for: "a folder of classes". */
  readonly kind: string
  readonly classes: readonly string[]
  readonly train: SourcePart
  /** Absent where the source has none. */
  readonly test?: SourcePart
  /** Of sources whose pixels are ready. */
  readonly shape?: { readonly height: number; readonly width: number; readonly channels: number }
  /** What the listing left out. */
  readonly skipped: readonly Skipped[]
  /** What a person should know. */
  readonly notes: readonly string[]
  /** A hash of sizes and times on the disk: the same while nothing there changes. */
  readonly stamp: string
  close(): Promise<void>
}
