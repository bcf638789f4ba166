/** `dataset.json` describes a prepared folder. It is written last: a folder without it is unfinished. */
import { join } from 'node:path'
import {
  anyText,
  anything,
  list,
  maybe,
  number,
  oneOf,
  record,
  rule,
  whole
} from '../../../util/check/rules.ts'
import { DamagedFileError, errnoOf } from '../../../util/files/errors.ts'
import { jsonText, readJson } from '../../../util/files/json.ts'
import type { ColourVariation, Fit, ResizeFilter } from '../../dataset.ts'
import { countFault } from '../../rules.ts'
import type { Skipped } from '../scan/source.ts'
import type { ImageFormat } from './shard.ts'

/** Name of the manifest's file. */
export const MANIFEST = 'dataset.json'
/** Format of the manifest and its version. */
export const FORMAT = 'alexnode photographs 1'
/** Name of the mean image's file. */
export const MEAN_IMAGE = 'mean-image.f32'

/** A shard: a file of images. */
export interface ShardFile {
  /** Name of the file. */
  readonly file: string
  /** Number of images. */
  readonly images: number
  /** Size of the file in bytes. */
  readonly bytes: number
  /** SHA-256 of the file, in lower-case hex. */
  readonly sha256: string
}

/** The training or test part of a prepared folder. */
export interface Part {
  /** Number of images. */
  readonly images: number
  /** Its shards, in order. */
  readonly shards: readonly ShardFile[]
}

/** The mean image of a prepared folder. */
export interface MeanImageFile {
  /** Name of the file: f32 [height, width, channels], little-endian, 0…255. */
  readonly file: string
  /** SHA-256 of the file, in lower-case hex. */
  readonly sha256: string
}

/** Content of `dataset.json`. */
export interface Manifest extends ImageFormat {
  /** Format and its version. */
  readonly format: typeof FORMAT
  /** Name of the set. */
  readonly name: string
  /** Kind of the source, for people: 'a folder of classes'. */
  readonly kind: string
  /** Quality of JPEG, 1 to 100; missing for raw images. */
  readonly quality?: number
  /** How pictures were resized. */
  readonly fit: Fit
  /** By which filter, if not by 'lanczos3'. */
  readonly filter?: ResizeFilter
  /** Class names by label. */
  readonly classes: readonly string[]
  /** Images to train on. */
  readonly train: Part
  /** Images to test on; missing if the test is on the training images. */
  readonly test?: Part
  /** How the test part was chosen, for people. */
  readonly testing: string
  /** Mean of the training images by channel, as a fraction 0…1 of 255. */
  readonly mean: readonly number[]
  /** Standard deviation of the training images by channel, as a fraction 0…1 of 255. */
  readonly std: readonly number[]
  /** Principal components of the training images' colours; missing for grey images. */
  readonly colours?: ColourVariation
  /** Mean of the training images. */
  readonly meanImage: MeanImageFile
  /** Pictures that were skipped, with reasons. */
  readonly skipped: readonly Skipped[]
  /** Notes for people, a sentence each. */
  readonly notes: readonly string[]
  /** Hash of the source's names, sizes and classes, and of the options. */
  readonly plan: string
}

/** The manifest as JSON. */
export const manifestText = (manifest: Manifest) => jsonText(manifest, 'dataset')

/**
 * Reads the manifest of a folder; undefined if there is none.
 *
 * @throws DamagedFileError if it is damaged or of another format
 * @throws DiskError if it cannot be read
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, MANIFEST)
  const value = await readJson(path).catch((error: unknown) => {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return
    throw error
  })
  if (value === undefined) return
  if (isManifest(value)) return value
  const {
    path: field,
    expected,
    got
  } = manifestRule.fault(value) ?? { path: '', expected: '', got: '' }
  const place = field === '' ? expected : `${field}: ${expected}`
  throw new DamagedFileError(
    `[photos] ${path}: expected ${place}, got ${got}; prepare the set again`
  )
}

/** Rows or columns of an image: at most what a JPEG may have. */
const side = whole({ from: 1, to: 65500 })
const count = whole({ from: 0 })
const fileName = rule('a plain file name', (value) => {
  return typeof value === 'string' && /^[\w.-]{1,255}$/.test(value)
})

const shardFile = record<ShardFile>(
  { file: fileName, images: count, bytes: count, sha256: anyText },
  { open: true }
)
const part = record<Part>({ images: count, shards: list(shardFile) }, { open: true })

/** True for what a manifest says of a shard. */
export function isShardFile(value: unknown): value is ShardFile {
  return shardFile.fault(value) === undefined
}

const three = { least: 3, most: 3 }
const colours = record<ColourVariation>(
  { eigenvalues: list(number(), three), eigenvectors: list(list(number(), three), three) },
  { open: true }
)

const manifestRule = record<Manifest>(
  {
    format: oneOf(FORMAT),
    name: anyText,
    kind: anyText,
    form: oneOf('raw', 'jpeg'),
    height: side,
    width: side,
    channels: oneOf(1, 3),
    quality: maybe(number()),
    fit: oneOf('crop', 'warp', 'keep'),
    filter: maybe(oneOf('lanczos3', 'bilinear')),
    classes: list(anyText),
    train: part,
    test: maybe(part),
    testing: anyText,
    mean: list(number()),
    // Images are divided by them.
    std: list(number({ above: 0 })),
    colours: maybe(colours),
    meanImage: record<MeanImageFile>({ file: fileName, sha256: anyText }, { open: true }),
    skipped: list(anything),
    notes: list(anyText),
    plan: anyText
  },
  { open: true, also: countFault }
)

function isManifest(value: unknown): value is Manifest {
  return manifestRule.fault(value) === undefined
}
