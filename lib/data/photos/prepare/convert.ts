/** Converts an image of a source to what a shard stores. */
import { createHash } from 'node:crypto'
import { DiskError } from '../../../util/files/errors.ts'
import { decodeDefaults, decodePhoto, PhotoError } from '../decode.ts'
import type { SourcePart } from '../scan/source.ts'
import { firstLine, loadSharp } from '../sharp.ts'
import { KEY_BYTES } from '../stored/shard.ts'
import type { Plan } from './plan.ts'

/** A converted image, or the reason why it is skipped. */
export type Converted =
  | {
      readonly pixels: Uint8Array
      /** What the shard stores: the pixels, or a JPEG of them. */
      readonly bytes: Uint8Array
      /** Identifies copies. Undefined for sources without files. */
      readonly key: Uint8Array | undefined
      /** True for a JPEG that lacks its end marker. */
      readonly mended?: boolean
    }
  | { readonly reason: string; readonly key?: undefined }

/** Converts image i of a part. A bad image gives a reason, not an error. */
export async function convert(part: SourcePart, i: number, plan: Plan): Promise<Converted> {
  try {
    // Checked before reading: the file may not fit in memory.
    const size = part.bytes(i)
    const { maxBytes } = decodeDefaults
    if (size > maxBytes) return { reason: `has ${size} bytes, more than ${maxBytes}` }
    const image = await part.read(i)
    if ('pixels' in image) return { ...(await encode(image.pixels, plan)), key: undefined }
    const { encoded } = image
    if (encoded.length < size) return { reason: 'is cut short' }
    const { height, width, fit, filter, maxPixels } = plan
    const key = createHash('sha256').update(encoded).digest().subarray(0, KEY_BYTES)
    const { data, mended } = await decodePhoto(encoded, {
      size: { height, width },
      fit,
      filter,
      maxPixels
    })
    return { ...(await encode(data, plan)), key, ...(mended && { mended }) }
  } catch (error) {
    if (error instanceof PhotoError) return { reason: error.reason }
    if (error instanceof DiskError) return { reason: `cannot be read (${error.code})` }
    return { reason: firstLine(error) }
  }
}

async function encode(pixels: Uint8Array, { form, height, width, quality }: Plan) {
  if (form === 'raw') return { pixels, bytes: pixels }
  const sharp = await loadSharp()
  const picture = sharp(pixels, { raw: { height, width, channels: 3 } })
  return { pixels, bytes: await picture.jpeg({ quality }).toBuffer() }
}
