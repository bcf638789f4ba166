import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, ResizeFilter } from '../data/dataset.ts'
import { replaceFile, replaceWith } from '../util/files/atomic.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import { isObject, jsonText, readJson } from '../util/files/json.ts'
import { readSafetensors, writeSafetensors } from '../util/files/safetensors.ts'
import { shown } from '../util/foreign.ts'

const DATA = 'data.json'
const MEAN = 'mean.safetensors'
const IMAGE = 'mean_image'

/**
 * What a run keeps of its data, so that the net can be used without the set: class names, image size and statistics.
 * Stored as data.json; the mean image of photographs as mean.safetensors.
 */
export interface RunData {
  /** The set's name. */
  readonly name: string
  /** Label `k` means `classes[k]`. */
  readonly classes: readonly string[]
  /** Rows of a stored image. */
  readonly height: number
  /** Columns of a stored image. */
  readonly width: number
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number
  /** Mean of the training bytes, by channel, as a fraction 0…1. */
  readonly mean: readonly number[]
  /** Standard deviation of the training bytes, by channel, as a fraction 0…1. */
  readonly std: readonly number[]
  /** How photographs were brought to that size, if not by 'crop': see `decodePhoto`. */
  readonly fit?: 'crop' | 'warp'
  /** By which filter, if not by 'lanczos3'. */
  readonly filter?: ResizeFilter
  /** f32 [row, column, channel], 0…255: the mean of the training images. */
  readonly meanImage?: Float32Array
}

/**
 * Writes what a run keeps of its data into its folder.
 * @throws DiskError when the disk refuses
 */
export async function keepRunData(folder: string, { name, train }: Dataset): Promise<void> {
  const { classes, height, width, channels, mean, std, meanImage, fit, filter } = train
  if (meanImage) {
    const { buffer, byteOffset, byteLength } = meanImage
    const data = new Uint8Array(buffer, byteOffset, byteLength)
    const tensors = { [IMAGE]: { dtype: 'f32', shape: [height, width, channels], data } } as const
    await replaceWith(join(folder, MEAN), async (path) => {
      await writeSafetensors(path, tensors)
    })
  }
  const resized = { ...(fit === 'warp' && { fit }), ...(filter === 'bilinear' && { filter }) }
  const known = { name, classes, height, width, channels, mean, std, ...resized }
  await replaceFile(join(folder, DATA), jsonText(known, 'data'))
}

/**
 * Reads what a run's folder keeps of its data.
 *
 * @throws DamagedFileError where a file was altered
 * @throws DiskError where it cannot be read
 */
export async function readRunData(folder: string): Promise<RunData> {
  const path = join(folder, DATA)
  const known = await readJson(path)
  const { name, classes, height, width, channels, mean, std, fit, filter } = isObject(known)
    ? known
    : {}
  if (typeof name !== 'string' || !isNames(classes)) {
    damaged(path, 'name and classes', { name, classes })
  }
  if (!isWhole(height) || !isWhole(width) || !isWhole(channels)) {
    damaged(path, 'height, width and channels', { height, width, channels })
  }
  if (!isNumbers(mean, channels) || !isNumbers(std, channels) || !std.every((one) => one > 0)) {
    damaged(path, `mean and std, above 0, for each of ${channels} channels`, { mean, std })
  }
  const image = await meanImageIn(join(folder, MEAN), [height, width, channels])
  return {
    name,
    classes,
    height,
    width,
    channels,
    mean,
    std,
    ...(fit === 'warp' && { fit }),
    ...(filter === 'bilinear' && { filter }),
    ...(image && { meanImage: image })
  }
}

async function meanImageIn(
  path: string,
  shape: readonly number[]
): Promise<Float32Array | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined
  const { tensors } = await readSafetensors(path)
  const image = tensors[IMAGE]
  if (image?.dtype !== 'f32' || String(image.shape) !== String(shape)) {
    const got = image && `${image.dtype}, [${image.shape.join(', ')}]`
    damaged(path, `${IMAGE} in f32, [${shape.join(', ')}]`, got)
  }
  return new Float32Array(image.data.buffer, image.data.byteOffset, image.data.byteLength / 4)
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === 'string')
}

function isNumbers(value: unknown, length: number): value is readonly number[] {
  return Array.isArray(value) && value.length === length && value.every(Number.isFinite)
}

function damaged(path: string, expected: string, got: unknown): never {
  throw new DamagedFileError(
    `[run] ${path}: expected ${expected}, got ${shown(got)}; take another copy of the run`
  )
}
