/** Photographs in files, as a set of images without labels. */
import { checkRead } from '../data/check.ts'
import type { Fit, ImageSet, ResizeFilter } from '../data/dataset.ts'
import { decodePhoto, PhotoError } from '../data/photos/decode.ts'
import type { FoundPicture } from '../data/photos/files/find.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { list, maybe, oneOf, record, text, whole } from '../util/check/rules.ts'
import { DiskError } from '../util/files/errors.ts'
import { luma } from './grey.ts'

/** Options of `photoFiles`: the form that photographs are brought to. */
export interface PhotoFilesOptions {
  /** Rows of pixels. */
  readonly height: number
  /** Columns of pixels. */
  readonly width: number
  /** 3: RGB, 1: grey. */
  readonly channels: number
  /** How a photograph is brought to this size: see `decodePhoto`. Default 'crop'. */
  readonly fit?: Fit | undefined
  /** By which filter it is resized. Default 'lanczos3'. */
  readonly filter?: ResizeFilter | undefined
}

/** Open, as what says the size of a net's images says more. */
const photoOptions = record<PhotoFilesOptions>(
  {
    height: whole({ from: 1 }),
    width: whole({ from: 1 }),
    channels: oneOf(1, 3),
    fit: maybe(oneOf('crop', 'warp', 'keep')),
    filter: maybe(oneOf('lanczos3', 'bilinear'))
  },
  { open: true }
)

/** A set of photographs that are decoded when they are read. */
export interface PhotoFiles extends ImageSet {
  /** The file of each image. */
  readonly files: readonly string[]
  /** For each image that was read and could not be decoded, by number, the reason; its bytes are zero. */
  readonly failures: ReadonlyMap<number, string>
}

/**
 * Makes a set of photographs from JPEG, PNG and WebP files. A file that cannot be decoded is recorded in `failures`
 * and does not end the reading. For one channel, colours become luma (ITU-R BT.601).
 *
 * @param options size and channels; `trained.facts.data` has those of a trained net
 * @throws Error for other than one or three channels
 *
 * @example
 * const set = photoFiles(['cat.jpg', 'dog.jpg'], trained.facts.data)
 * for await (const { values } of outputs(trained.net, trained.takeUnlabelled(set))) console.log(values)
 */
export function photoFiles(files: readonly string[], options: PhotoFilesOptions): PhotoFiles {
  checkArguments('photos', { files: [files, list(text)] })
  return pictureSet(
    files.map((name) => ({ name, photo: async () => name })),
    options
  )
}

/** Makes a set of pictures that were found. `files` are their names. */
export function pictureSet(
  pictures: readonly FoundPicture[],
  options: PhotoFilesOptions
): PhotoFiles {
  checkOptions('photos', options, photoOptions)
  const { height, width, channels, fit = 'crop', filter = 'lanczos3' } = options
  const size = height * width * channels
  const failures = new Map<number, string>()
  const form = { height, width, channels, fit, filter }
  async function decode(index: number, out: Uint8Array): Promise<void> {
    try {
      await decodeInto((await pictures[index]?.photo()) ?? '', out, form)
    } catch (error) {
      failures.set(index, reasonOf(error))
      out.fill(0)
    }
  }
  return {
    length: pictures.length,
    height,
    width,
    channels,
    files: pictures.map(({ name }) => name),
    failures,
    classes: [],
    mean: Array(channels).fill(0),
    std: Array(channels).fill(1),
    async read(indices, images, labels) {
      checkRead(this, indices, images, labels)
      labels.fill(0, 0, indices.length)
      const places = Array.from(indices, (index, i) => [index, i] as const)
      await Promise.all(
        places.map(([index, i]) => decode(index, images.subarray(i * size, (i + 1) * size)))
      )
    }
  }
}

/**
 * Decodes a photograph as a net takes it.
 *
 * @param photo path or content of a file
 * @param out u8 [height, width, channels]
 * @throws PhotoError if it cannot be decoded
 */
export async function decodeInto(
  photo: Uint8Array | string,
  out: Uint8Array,
  { height, width, channels, fit = 'crop', filter = 'lanczos3' }: PhotoFilesOptions
): Promise<void> {
  const { data } = await decodePhoto(photo, { size: { height, width }, fit, filter })
  if (channels === 3) out.set(data)
  else luma(data, out)
}

/** Why a photograph could not be decoded: 'is truncated or damaged (…)'. */
export function reasonOf(error: unknown): string {
  if (error instanceof PhotoError) return error.reason
  if (error instanceof DiskError) {
    return error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})`
  }
  return error instanceof Error ? error.message : String(error)
}
