/** `dataset.json` describes a prepared folder. It is written last: a folder without it is unfinished. */
import { join } from 'node:path'
import { DamagedFileError, errnoOf } from '../../../util/files/errors.ts'
import { isObject, jsonText, readJson } from '../../../util/files/json.ts'
import { cut } from '../../../util/foreign.ts'
import type { ColourVariation, Fit, ResizeFilter } from '../../dataset.ts'
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
  const format = isObject(value) && typeof value.format === 'string' ? value.format : 'none'
  throw new DamagedFileError(
    `[photos] ${path}: expected the format '${FORMAT}' with all its fields, got '${cut(format)}';` +
      ' prepare the set again'
  )
}

const isText = (value: unknown) => typeof value === 'string'
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
/** Rows or columns of an image: at most what a JPEG may have. */
const isSide = (value: unknown) => isCount(value) && Number(value) >= 1 && Number(value) <= 65500
const isNumbers = (value: unknown, length: number) =>
  Array.isArray(value) && value.every(Number.isFinite) && value.length === length
/** Images are divided by them. */
const isDeviations = (value: unknown) =>
  Array.isArray(value) && value.every((item: unknown) => Number(item) > 0)

function isPart(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.images) || !Array.isArray(value.shards)) return false
  return value.shards.every(isShardFile)
}

/** True for what a manifest says of a shard. */
export function isShardFile(value: unknown): value is ShardFile {
  return (
    isObject(value) &&
    isCount(value.images) &&
    isCount(value.bytes) &&
    isText(value.sha256) &&
    typeof value.file === 'string' &&
    /^[\w.-]{1,255}$/.test(value.file)
  )
}

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value.format !== FORMAT) return false
  const { test, colours, meanImage } = value
  return (
    [value.name, value.kind, value.fit, value.testing, value.plan].every(isText) &&
    [undefined, 'lanczos3', 'bilinear'].some((filter) => filter === value.filter) &&
    (value.form === 'raw' || value.form === 'jpeg') &&
    [value.height, value.width].every(isSide) &&
    (value.channels === 1 || value.channels === 3) &&
    [value.classes, value.notes].every(isTexts) &&
    [value.mean, value.std].every((list) => isNumbers(list, Number(value.channels))) &&
    isDeviations(value.std) &&
    Array.isArray(value.skipped) &&
    isPart(value.train) &&
    (test === undefined || isPart(test)) &&
    (colours === undefined || isColours(colours)) &&
    isObject(meanImage) &&
    typeof meanImage.file === 'string' &&
    /^[\w.-]{1,255}$/.test(meanImage.file) &&
    isText(meanImage.sha256)
  )
}

function isColours(value: unknown): boolean {
  return (
    isObject(value) &&
    isNumbers(value.eigenvalues, 3) &&
    Array.isArray(value.eigenvectors) &&
    value.eigenvectors.length === 3 &&
    value.eigenvectors.every((vector: unknown) => isNumbers(vector, 3))
  )
}
