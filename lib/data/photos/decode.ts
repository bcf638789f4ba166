/**
 * Photographs as RGB bytes of one size. The paper's way: the short side is scaled to the size and
 * the centre cut out; Caffe's: the whole picture is warped to it. Kinds are known by content, never
 * by name; EXIF's rotation is applied; grey, palette, 16-bit, CMYK and pictures with a colour
 * profile become sRGB of 8 bits; what is transparent is laid on white.
 */
import { open } from 'node:fs/promises'
import { diskError } from '../../util/files/errors.ts'
import { DataError } from '../dataset.ts'
import { firstLine, loadSharp } from './sharp.ts'

/** How a photograph becomes bytes. */
export interface DecodeOptions {
  /** Rows and columns of what comes out, or one number for both. Default 256. */
  readonly size?: number | { readonly height: number; readonly width: number }
  /**
   * 'crop' scales the picture until it covers the size, and cuts out the centre; 'warp' stretches
   * it to the size; 'keep' leaves its own. Default 'crop'.
   */
  readonly fit?: Fit
  /** Pixels of the picture as it is stored, above which it is refused. Default 100 million. */
  readonly maxPixels?: number
  /** Bytes of the file, above which it is refused. Default 256 MiB. */
  readonly maxBytes?: number
}

export type Fit = 'crop' | 'warp' | 'keep'

/** A photograph, decoded. */
export interface Photo {
  /** u8 [height, width, 3], RGB. */
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
}

export const decodeDefaults = {
  size: 256,
  fit: 'crop',
  maxPixels: 100e6,
  maxBytes: 256 * 2 ** 20
} as const satisfies DecodeOptions

/** A photograph cannot be used. */
export class PhotoError extends DataError {
  override name = 'PhotoError'
  /** Why, in a few words without its name: "is empty". */
  readonly reason: string

  constructor(reason: string, name = 'photograph', cause?: unknown) {
    super(`[photos] ${name}: expected a JPEG, PNG or WebP picture, got one that ${reason}`, {
      cause
    })
    this.reason = reason
  }
}

/**
 * Decodes a JPEG, PNG or WebP picture.
 *
 * @param photo a file's path, or its bytes
 * @throws PhotoError when it is empty, too large, of another kind, truncated or damaged
 * @throws DiskError when the file cannot be read
 * @throws DataError when sharp is not there
 *
 * @example
 * const { data, height, width } = await decodePhoto('cat.jpg', { size: 227 })
 */
export async function decodePhoto(
  photo: Uint8Array | string,
  options: DecodeOptions = {}
): Promise<Photo> {
  const sharp = await loadSharp()
  const { size, fit, maxPixels, maxBytes } = { ...decodeDefaults, ...options }
  const { height, width } = typeof size === 'number' ? { height: size, width: size } : size
  const name = typeof photo === 'string' ? photo : undefined
  const bytes = typeof photo === 'string' ? await readPhoto(photo, maxBytes) : photo
  checkKind(bytes, maxBytes, name)
  try {
    const picture = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels }).autoOrient()
    if (fit !== 'keep') picture.resize(width, height, { fit: fit === 'crop' ? 'cover' : 'fill' })
    const { data, info } = await picture
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`has ${info.channels} channels as sRGB`)
    return { data, height: info.height, width: info.width }
  } catch (error) {
    throw new PhotoError(await reasonOf(error, bytes, maxPixels), name, error)
  }
}

/** The bytes of a picture's file, unless they are too many. */
async function readPhoto(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > maxBytes) throw new PhotoError(tooLong(size, maxBytes), path)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw diskError('photos', 'read', path, error)
  }
}

const tooLong = (size: number, most: number) => `has ${size} bytes, more than ${most}`

/** Kinds of files by their first bytes, as Latin-1: where these begin, and what they are. */
const kinds: readonly (readonly [number, string, string])[] = [
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, '\x89PNG\r\n\x1a\n', 'PNG'],
  [8, 'WEBP', 'WebP'],
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

function checkKind(bytes: Uint8Array, maxBytes: number, name: string | undefined): void {
  if (bytes.length === 0) throw new PhotoError('is empty (0 bytes)', name)
  if (bytes.length > maxBytes) throw new PhotoError(tooLong(bytes.length, maxBytes), name)
  const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1')
  const kind = kinds.find(([at, mark]) => head.startsWith(mark, at))?.[2]
  if (kind && ['JPEG', 'PNG', 'WebP'].includes(kind)) return
  throw new PhotoError(kind ?? 'is of no kind known here', name)
}

/** What sharp says, in plain words. */
async function reasonOf(error: unknown, bytes: Uint8Array, maxPixels: number): Promise<string> {
  const text = error instanceof Error ? error.message : String(error)
  if (/pixel limit/.test(text)) {
    const sharp = await loadSharp()
    const size = await sharp(bytes, { limitInputPixels: false }).metadata()
    return `has ${size.width}×${size.height} pixels, more than ${maxPixels} in all`
  }
  if (/premature end|unexpected end|truncated|libpng read error|unable to parse/i.test(text)) {
    return `is truncated or damaged (${firstLine(error)})`
  }
  return `cannot be decoded (${firstLine(error)})`
}
