/**
 * Decodes photographs to RGB bytes of one size: cropped, as in the paper, or warped, as by Caffe. The format is
 * recognised by content. EXIF rotation is applied; grey, palette, 16-bit, CMYK and profiled pictures become 8-bit
 * sRGB; transparent pixels get a white background.
 */
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { either, maybe, oneOf, record, text, typed, whole } from '../../util/check/rules.ts'
import { onDisk } from '../../util/files/errors.ts'
import { NoFileError, openRegular } from '../../util/files/open.ts'
import { DataError, type Fit, type ResizeFilter } from '../dataset.ts'
import { hasAllScans } from './jpeg-scans.ts'
import type { Photo, PhotoSize } from './photo.ts'
import { resampled } from './resample.ts'
import { loadSharp } from './sharp.ts'

export type { Photo, PhotoSize } from './photo.ts'

/** Options of `decodePhoto`. */
export interface DecodeOptions {
  /** Size of the result; a number is a square. Default 256. */
  readonly size?: number | PhotoSize
  /** How the picture is resized. Default 'crop'. */
  readonly fit?: Fit
  /** By which filter it is resized. Default 'lanczos3'. */
  readonly filter?: ResizeFilter
  /** Largest number of pixels of the stored picture. Default 100 million. */
  readonly maxPixels?: number
  /** Largest size of the file in bytes. Default 256 MiB. */
  readonly maxBytes?: number
}

const side = whole({ from: 1 })
const decodeOptions = record<DecodeOptions>({
  size: maybe(either(side, record<PhotoSize>({ height: side, width: side }))),
  fit: maybe(oneOf('crop', 'warp', 'keep')),
  filter: maybe(oneOf('lanczos3', 'bilinear')),
  maxPixels: maybe(whole({ from: 1 })),
  maxBytes: maybe(whole({ from: 1 }))
})

/** Defaults of `decodePhoto`. */
export const decodeDefaults = {
  size: 256,
  fit: 'crop',
  filter: 'lanczos3',
  maxPixels: 100e6,
  maxBytes: 256 * 2 ** 20
} as const satisfies DecodeOptions

/** A photograph is empty, too large, of an unknown format, truncated or damaged. */
export class PhotoError extends DataError {
  /** Always 'PhotoError'. */
  override name = 'PhotoError'
  /** The reason without the file's name: 'is empty'. */
  readonly reason: string

  /** @internal */
  constructor(reason: string, name = 'photograph', cause?: unknown) {
    super(`[photos] ${name}: expected a JPEG, PNG or WebP picture, got one that ${reason}`, {
      cause
    })
    this.reason = reason
  }
}

/**
 * Decodes a JPEG, PNG or WebP picture to 8-bit sRGB, by the optional dependency sharp.
 *
 * @param photo path or content of a file
 * @throws PhotoError if it is empty, too large, of another format, truncated or damaged
 * @throws DiskError if the file cannot be read
 * @throws DataError if sharp is not installed
 *
 * @example
 * const { data, height, width } = await decodePhoto('cat.jpg', { size: 227 })
 */
export async function decodePhoto(
  photo: Uint8Array | string,
  options: DecodeOptions = {}
): Promise<Photo> {
  checkArguments('photos', { photo: [photo, either(text, typed('Uint8Array'))] }, DataError)
  checkOptions('photos', options, decodeOptions, DataError)
  const sharp = await loadSharp()
  const { size, fit, filter, maxPixels, maxBytes } = { ...decodeDefaults, ...options }
  const { height, width } = typeof size === 'number' ? { height: size, width: size } : size
  const name = typeof photo === 'string' ? photo : undefined
  const bytes = typeof photo === 'string' ? await readPhoto(photo, maxBytes) : photo
  checkFormat(bytes, maxBytes, name)
  const decode = async (bytes: Uint8Array): Promise<Photo> => {
    const ignoreIcc = filter === 'bilinear'
    const picture = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, ignoreIcc })
    picture.autoOrient()
    const ours = filter === 'bilinear' && fit !== 'keep'
    if (fit !== 'keep' && !ours)
      picture.resize(width, height, { fit: fit === 'crop' ? 'cover' : 'fill' })
    const { data, info } = await picture
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`has ${info.channels} channels as sRGB`)
    const photo = { data, height: info.height, width: info.width }
    return ours ? resampled(photo, { height, width }, fit) : photo
  }
  try {
    return await decode(bytes)
  } catch (error) {
    const mended = await withEnd(bytes, maxPixels)
    const photo = mended && (await decode(mended).catch(() => undefined))
    if (photo) return { ...photo, mended: true }
    throw new PhotoError(await reasonOf(error, bytes, maxPixels), name, error)
  }
}

/** Reads a file, unless it is too large. */
async function readPhoto(path: string, maxBytes: number): Promise<Uint8Array> {
  return onDisk('photos', 'read', path, async () => {
    const file = await openRegular(path).catch((error: unknown) => {
      throw error instanceof NoFileError ? new PhotoError(error.reason, path) : error
    })
    try {
      const { size } = await file.stat()
      if (size > maxBytes) throw new PhotoError(tooLong(size, maxBytes), path)
      return await file.readFile()
    } finally {
      await file.close()
    }
  })
}

const tooLong = (size: number, most: number) => `has ${size} bytes, more than ${most}`

/** First bytes of the formats that are decoded, as Latin-1: [offset, bytes, format]. */
const accepted: readonly (readonly [number, string, string])[] = [
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, '\x89PNG\r\n\x1a\n', 'PNG'],
  [8, 'WEBP', 'WebP']
]

/** Reason for refusing other formats: [offset, bytes, reason]. */
const refused: readonly (readonly [number, string, string])[] = [
  [0, 'GIF8', 'is a GIF'],
  [0, 'BM', 'is a BMP'],
  [0, 'II*\0', 'is a TIFF'],
  [0, 'MM\0*', 'is a TIFF'],
  [4, 'ftypavif', 'is an AVIF'],
  [4, 'ftyphe', 'is a HEIC'],
  [0, '%PDF', 'is a PDF'],
  [0, '<', 'is a text (HTML, XML or SVG)'],
  [0, '\0\0\0\0', 'begins with zeros']
]

function checkFormat(bytes: Uint8Array, maxBytes: number, name: string | undefined): void {
  if (bytes.length === 0) throw new PhotoError('is empty (0 bytes)', name)
  if (bytes.length > maxBytes) throw new PhotoError(tooLong(bytes.length, maxBytes), name)
  if (formatOf(bytes) !== undefined) return
  const head = headOf(bytes)
  const reason = refused.find(([at, mark]) => head.startsWith(mark, at))?.[2]
  throw new PhotoError(reason ?? 'is of no kind known here', name)
}

/** The first bytes, as Latin-1. */
const headOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 16)).toString('latin1')

/** The format that the first bytes tell; undefined for others than those that are decoded. */
function formatOf(bytes: Uint8Array): string | undefined {
  const head = headOf(bytes)
  return accepted.find(([at, mark]) => head.startsWith(mark, at))?.[2]
}

/**
 * A JPEG with the end marker that it lacks; undefined if it lacks more, such as scans of a progressive one, and for
 * other formats.
 */
async function withEnd(bytes: Uint8Array, maxPixels: number): Promise<Uint8Array | undefined> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return
  const sharp = await loadSharp()
  const found = await sharp(bytes)
    .metadata()
    .catch(() => undefined)
  if (!found || (found.isProgressive && !hasAllScans(bytes))) return
  const mended = Buffer.concat([bytes, END_MARKER])
  // Decoded whole, as a smaller picture needs no whole file: libjpeg warns of what else is missing. (`stats` misses the
  // warnings now and then where several threads decode.)
  const isWhole = await sharp(mended, { failOn: 'warning', limitInputPixels: maxPixels })
    .raw()
    .toBuffer()
    .then(
      () => true,
      () => false
    )
  return isWhole ? mended : undefined
}

const END_MARKER = Buffer.of(0xff, 0xd9)

/** The reason of an error of sharp. */
async function reasonOf(error: unknown, bytes: Uint8Array, maxPixels: number): Promise<string> {
  const text = error instanceof Error ? error.message : String(error)
  if (/pixel limit/.test(text)) {
    const sharp = await loadSharp()
    const size = await sharp(bytes, { limitInputPixels: false }).metadata()
    return `has ${size.width}×${size.height} pixels, more than ${maxPixels} in all`
  }
  const line = ownLine(text, formatOf(bytes))
  if (line === undefined) return `is truncated or damaged (${await failedPart(bytes)})`
  if (/premature end|unexpected end|truncated|libpng read error|unable to parse/i.test(line)) {
    return `is truncated or damaged (${line})`
  }
  return `cannot be decoded (${line})`
}

/** What the names of decoders have in their texts, by format. */
const decoders = { JPEG: /jpe?g/i, PNG: /png/i, WebP: /webp/i }

/**
 * The line of an error that is about a picture of this format; undefined if there is none. libvips keeps one text for
 * all threads: another thread may have taken it, or put its own there.
 */
function ownLine(text: string, format: string | undefined): string | undefined {
  const lines = text.split('\n').filter((line) => !/^\s*$|^unknown error$|header:\s*$/i.test(line))
  const namedIn = (line: string) =>
    Object.entries(decoders).filter(([, decoder]) => decoder.test(line))
  const own = lines.find((line) => namedIn(line).some(([name]) => name === format))
  return own ?? lines.find((line) => namedIn(line).length === 0)
}

/** What of a picture cannot be read, found without the decoder's words. */
async function failedPart(bytes: Uint8Array): Promise<string> {
  const sharp = await loadSharp()
  const found = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined)
  const format = formatOf(bytes) ?? 'picture'
  if (!found) return `the header of a ${format} cannot be read`
  return `the ${found.width}×${found.height} pixels of a ${format} cannot be read`
}
