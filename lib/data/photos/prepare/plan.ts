/** How a source is prepared, settled before the first image: what was asked for, and what suits it. */
import { createHash } from 'node:crypto'
import { DataError } from '../../dataset.ts'
import type { Fit } from '../decode.ts'
import type { Source, SourcePart } from '../scan/source.ts'
import { loadSharp } from '../sharp.ts'
import { type Form, imageSpace } from '../stored/shard.ts'
import type { Shape } from './statistics.ts'
import { type Parts, partsOf } from './test-part.ts'

/** What may be asked for. */
export interface PlanOptions {
  /** Rows and columns, up to 2048. Default: 256; for images that are small and all of one size, their own. */
  readonly size?: number | undefined
  /** 'crop' cuts out the centre, 'warp' stretches. Default 'crop'. */
  readonly fit?: Exclude<Fit, 'keep'> | undefined
  /** Raw bytes, or JPEG. Default: raw, unless that takes more than 4 GiB. */
  readonly store?: Form | undefined
  /** Of JPEG, 1…100. Default 90. */
  readonly quality?: number | undefined
  /** Take images whose files have the same bytes as another's, too. Default false. */
  readonly duplicates?: boolean | undefined
  /** Pixels above which a picture is skipped. Default 100 million. */
  readonly maxPixels?: number | undefined
  /** Bytes of a shard. Default 128 MiB. */
  readonly shardBytes?: number | undefined
  /** Taken into the plan's hash: sets with another are not this one. */
  readonly salt?: string | undefined
}

/** What was settled. */
export interface Plan extends Shape, Parts {
  readonly fit: Fit
  readonly form: Form
  readonly quality: number
  readonly duplicates: boolean
  readonly maxPixels: number
  readonly shardBytes: number
  /** A hash of all that decides the bytes that come out, short of the bytes that go in. */
  readonly hash: string
}

const SIZE = 256
const QUALITY = 90
const MAX_PIXELS = 100e6
const SHARD_BYTES = 128 * 2 ** 20
/** The sums of larger images would be longer than a text can be, as which they are kept. */
export const MOST_SIZE = 2048
/** More raw bytes than this are many for a disk and for its cache. */
const RAW_BYTES = 4 * 2 ** 30
/** Images up to this side keep their size, where all have the same. */
const SMALL = 64
/** How many are looked at to know that. */
const LOOKS = 32

/** @throws DataError where the source cannot be prepared as asked */
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
  if (side !== undefined && !(Number.isSafeInteger(side) && side >= 1 && side <= MOST_SIZE)) {
    throw new DataError(
      `[photos] size: expected a whole number from 1 to ${MOST_SIZE}, got ${side}; choose a size in between`
    )
  }
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
    ...{ height, width, channels, form },
    fit: shape ? 'keep' : (options.fit ?? 'crop'),
    quality: options.quality ?? QUALITY,
    duplicates: options.duplicates ?? false,
    maxPixels: options.maxPixels ?? MAX_PIXELS,
    shardBytes: options.shardBytes ?? SHARD_BYTES
  } as const
  return { ...settled, ...parts, hash: hashOf(source, parts, { ...settled, salt: options.salt }) }
}

/** The size of all images, where they are small and have one. */
async function smallSize(part: SourcePart): Promise<Pick<Shape, 'height' | 'width'> | undefined> {
  const sharp = await loadSharp()
  const sizes = new Set<string>()
  let last: { height: number; width: number } | undefined
  const step = Math.max(1, Math.floor(part.length / LOOKS))
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
