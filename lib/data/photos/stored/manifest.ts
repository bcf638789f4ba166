/** `dataset.json` of a prepared folder: what the folder holds. It is written last, and makes it whole. */
import { join } from 'node:path'
import { DamagedFileError, errnoOf } from '../../../util/files/errors.ts'
import { isObject, jsonText, readJson } from '../../../util/files/json.ts'
import type { ColourVariation } from '../../dataset.ts'
import type { Fit } from '../decode.ts'
import type { Skipped } from '../scan/source.ts'
import type { Form } from './shard.ts'

export const MANIFEST = 'dataset.json'
export const FORMAT = 'alexnode photographs 1'
export const MEAN_IMAGE = 'mean-image.f32'

/** A shard of a part. */
export interface ShardFile {
  readonly file: string
  readonly images: number
  readonly bytes: number
  readonly sha256: string
}

export interface Part {
  readonly images: number
  readonly shards: readonly ShardFile[]
}

export interface Manifest {
  readonly format: typeof FORMAT
  readonly name: string
  /** What it was made from: "a folder of classes". */
  readonly kind: string
  readonly form: Form
  /** Of JPEG. */
  readonly quality?: number
  readonly fit: Fit
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly classes: readonly string[]
  readonly train: Part
  /** Absent where the training part serves as the test, too. */
  readonly test?: Part
  /** How the test part came about. */
  readonly testing: string
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly colours?: ColourVariation
  readonly meanImage: { readonly file: string; readonly sha256: string }
  readonly skipped: readonly Skipped[]
  readonly notes: readonly string[]
  /** A hash of the names, sizes and classes of what it was made from, and of how. */
  readonly plan: string
}

/** The manifest's text. */
export const manifestText = (manifest: Manifest) => jsonText(manifest, 'dataset')

/**
 * The manifest of a prepared folder, or undefined where there is none.
 *
 * @throws DamagedFileError where it is not whole
 * @throws DiskError where it cannot be read
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
    `[photos] ${path}: expected the format '${FORMAT}' with all its fields, got '${format}';` +
      ' prepare the set again'
  )
}

const isText = (value: unknown) => typeof value === 'string'
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const isNumbers = (value: unknown) =>
  Array.isArray(value) && value.every((item) => typeof item === 'number')

function isPart(value: unknown): boolean {
  if (!isObject(value) || !isCount(value.images) || !Array.isArray(value.shards)) return false
  return value.shards.every(
    (shard: unknown) =>
      isObject(shard) &&
      isCount(shard.images) &&
      isCount(shard.bytes) &&
      isText(shard.sha256) &&
      typeof shard.file === 'string' &&
      /^[\w.-]+$/.test(shard.file)
  )
}

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value.format !== FORMAT) return false
  const { test, colours, meanImage } = value
  return (
    [value.name, value.kind, value.fit, value.testing, value.plan].every(isText) &&
    (value.form === 'raw' || value.form === 'jpeg') &&
    [value.height, value.width, value.channels].every(isCount) &&
    [value.classes, value.notes].every(isTexts) &&
    [value.mean, value.std].every(isNumbers) &&
    Array.isArray(value.skipped) &&
    isPart(value.train) &&
    (test === undefined || isPart(test)) &&
    (colours === undefined || isColours(colours)) &&
    isObject(meanImage) &&
    isText(meanImage.file) &&
    isText(meanImage.sha256)
  )
}

function isColours(value: unknown): boolean {
  return (
    isObject(value) &&
    isNumbers(value.eigenvalues) &&
    Array.isArray(value.eigenvectors) &&
    value.eigenvectors.every(isNumbers)
  )
}
