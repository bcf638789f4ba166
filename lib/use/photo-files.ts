/** Photographs in files of their own, without labels, as a net's data were made from theirs. */
import { checkRead } from '../data/check.ts'
import type { Fit, ImageSet } from '../data/dataset.ts'
import { decodePhoto, PhotoError } from '../data/photos/decode.ts'
import { DiskError } from '../util/files/errors.ts'

export interface PhotoFilesOptions {
  /** Rows, columns and channels that they are brought to. */
  readonly height: number
  readonly width: number
  readonly channels: number
  /** How: see `decodePhoto`. Default 'crop'. */
  readonly fit?: Fit | undefined
}

/** Photographs that are decoded when they are read. */
export interface PhotoFiles extends ImageSet {
  readonly files: readonly string[]
  /** By number, why a file that was read cannot be used; its bytes are zeros then. */
  readonly failures: ReadonlyMap<number, string>
}

/**
 * A set of photographs by file name. One that cannot be decoded does not end the reading: it is told in
 * `failures`. For nets of one channel, colours become brightness (ITU-R BT.601).
 *
 * @throws Error for sets of other than one or three channels
 */
export function photoFiles(files: readonly string[], options: PhotoFilesOptions): PhotoFiles {
  const { height, width, channels, fit = 'crop' } = options
  if (channels !== 1 && channels !== 3) {
    throw new Error(
      `[photos] expected a net of 1 or 3 channels, got one of ${channels}: photographs have no more`
    )
  }
  const size = height * width * channels
  const failures = new Map<number, string>()
  async function decode(index: number, out: Uint8Array): Promise<void> {
    try {
      const { data } = await decodePhoto(files[index] ?? '', { size: { height, width }, fit })
      if (channels === 3) out.set(data)
      else brightness(data, out)
    } catch (error) {
      failures.set(index, reasonOf(error))
      out.fill(0)
    }
  }
  return {
    ...{ length: files.length, height, width, channels, files, failures },
    ...{ classes: [], mean: Array(channels).fill(0), std: Array(channels).fill(1) },
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

function brightness(rgb: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = Math.round(0.299 * rgb[i * 3]! + 0.587 * rgb[i * 3 + 1]! + 0.114 * rgb[i * 3 + 2]!)
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof PhotoError) return error.reason
  if (error instanceof DiskError) {
    return error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})`
  }
  return error instanceof Error ? error.message : String(error)
}
