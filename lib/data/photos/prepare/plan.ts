/** Chooses how a source is prepared, before its first image is read. */
import { createHash } from 'node:crypto'
import { DataError, type Fit, type ResizeFilter } from '../../dataset.ts'
import type { PhotoSize } from '../decode.ts'
import type { Source, SourcePart } from '../scan/source.ts'
import { loadSharp } from '../sharp.ts'
import { type Form, type ImageFormat, imageSpace } from '../stored/shard.ts'
import { type Parts, partsOf } from './test-part.ts'

/** Options of a plan. */
export interface PlanOptions {
  /** Rows and columns, 1 to 2048. Default: 256; small images that all have one size keep it. */
  readonly size?: number | undefined
  /** 'crop' scales the short side to the size and cuts out the centre; 'warp' stretches. Default 'crop'. */
  readonly fit?: Exclude<Fit, 'keep'> | undefined
  /** By which filter pictures are resized. Default 'lanczos3'. */
  readonly filter?: ResizeFilter | undefined
  /** Stores raw bytes or JPEG files. Default: 'raw', unless that takes more than 4 GiB. */
  readonly store?: Form | undefined
  /** Quality of JPEG, 1 to 100. Default 90. */
  readonly quality?: number | undefined
  /** Keeps images whose files have the same bytes as another's. Default false. */
  readonly duplicates?: boolean | undefined
  /** Largest number of pixels of a picture; larger ones are skipped. Default 100 million. */
  readonly maxPixels?: number | undefined
  /** Approximate bytes of a shard. Default 128 MiB. */
  readonly shardBytes?: number | undefined
  /** Is part of the plan's hash: a set with another salt is another set. Default: none. */
  readonly salt?: string | undefined
}

/** A plan: options with their defaults, and the parts. */
export interface Plan extends ImageFormat, Parts {
  readonly fit: Fit
  readonly filter: ResizeFilter
  readonly quality: number
  readonly duplicates: boolean
  readonly maxPixels: number
  readonly shardBytes: number
  /** Hash of all that decides the result, except the content of the files. */
  readonly hash: string
}

const SIZE = 256
const QUALITY = 90
const MAX_PIXELS = 100e6
const SHARD_BYTES = 128 * 2 ** 20
/** Largest size. The sums of larger images would exceed the longest string, as which they are saved. */
export const MAX_SIZE = 2048
/** Larger sets are stored as JPEG, to fit disks and their cache. */
const RAW_BYTES = 4 * 2 ** 30
/** Images up to this side keep their size, if all have the same. */
const SMALL = 64
/** Number of images that are examined for that. */
const SAMPLES = 32

/** @throws DataError if the source cannot be prepared with these options */
export async function planOf(source: Source, options: PlanOptions): Promise<Plan> {
  const parts = partsOf(source.train, source.test)
  const { shape } = source
  if (shape && options.size !== undefined && options.size !== shape.height) {
    throw new DataError(
      `[photos] ${source.name}: expected its own size, ${shape.height}×${shape.width}, got` +
        ` ${options.size}; leave the size out`
    )
  }
  const side = options.size
  const found = shape ?? (side === undefined ? await smallSize(source.train) : undefined)
  const { height, width } = found ?? { height: side ?? SIZE, width: side ?? SIZE }
  const channels = shape?.channels ?? 3
  const count = parts.train.length + (parts.test?.length ?? 0)
  const raw = count * imageSpace(height * width * channels)
  const form = options.store ?? (channels === 1 || raw <= RAW_BYTES ? 'raw' : 'jpeg')
  if (form === 'jpeg' && channels !== 3) {
    throw new DataError(
      `[photos] ${source.name}: expected colour images for JPEG, got grey ones; store them raw`
    )
  }
  const settled = {
    height,
    width,
    channels,
    form,
    fit: shape ? 'keep' : (options.fit ?? 'crop'),
    quality: options.quality ?? QUALITY,
    duplicates: options.duplicates ?? false,
    maxPixels: options.maxPixels ?? MAX_PIXELS,
    shardBytes: options.shardBytes ?? SHARD_BYTES
  } as const
  const { filter = 'lanczos3', salt } = options
  // What is usual is left out, so that sets of earlier versions count as prepared.
  const told = { ...settled, ...(filter !== 'lanczos3' && { filter }), salt }
  return { ...settled, filter, ...parts, hash: hashOf(source, parts, told) }
}

/** The common size of small images; undefined if they differ or are larger. */
async function smallSize(part: SourcePart): Promise<PhotoSize | undefined> {
  const sharp = await loadSharp()
  const sizes = new Set<string>()
  let last: { height: number; width: number } | undefined
  const step = Math.max(1, Math.floor(part.length / SAMPLES))
  for (let i = 0; i < part.length && sizes.size < 2; i += step) {
    const image = await part.read(i).catch(() => undefined)
    if (!image || !('encoded' in image)) continue
    const found = await sharp(image.encoded)
      .metadata()
      .catch(() => undefined)
    if (!found) continue
    const { height, width } = found.autoOrient
    last = { height, width }
    sizes.add(`${height}×${width}`)
  }
  return last && sizes.size === 1 && Math.max(last.height, last.width) <= SMALL ? last : undefined
}

function hashOf({ classes, skipped }: Source, { train, test }: Parts, settled: object): string {
  const hash = createHash('sha256').update(JSON.stringify({ settled, classes, skipped }))
  for (const part of [train, test]) {
    hash.update('\n\n')
    for (let i = 0; i < (part?.length ?? 0); i++) {
      hash.update(`${part?.name(i)}\t${part?.bytes(i)}\t${part?.label(i)}\n`)
    }
  }
  return hash.digest('hex')
}
