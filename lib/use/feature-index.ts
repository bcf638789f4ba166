/**
 * What a layer of a net gives for many images, as a file: a matrix [images, values] of f32 as .npy or
 * .safetensors, and beside it, as `NAME.json`, which net gave it and which image each row is of.
 */
import { extname, resolve } from 'node:path'
import { removeFile, replaceFile, replaceWith } from '../util/files/atomic.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import { isObject, jsonText, readJson } from '../util/files/json.ts'
import { readNpy, writeNpy } from '../util/files/npy.ts'
import { readSafetensors, writeSafetensors } from '../util/files/safetensors.ts'

const FORMAT = 'alexnode features'
const VERSION = 1
const NAME = 'features'

/** An image that a row is of. */
export interface IndexedImage {
  readonly file: string
  readonly class?: string
}

/** What is told of a matrix of features. */
export interface FeatureFacts {
  /** The run whose net gave it. */
  readonly run: string
  /** SHA-256 of the run's weights. */
  readonly weights: string
  readonly net: string
  readonly layer: string
  /** Where the files' names begin. */
  readonly folder: string
  readonly images: readonly IndexedImage[]
}

/** A matrix of features in a file. */
export interface FeatureIndex extends FeatureFacts {
  /** Values a row. */
  readonly width: number
  /** Rows a few at a time. */
  rows(): AsyncIterable<{ readonly first: number; readonly values: Float32Array }>
}

/** Kinds of files that features are written to. */
export function isIndexName(path: string): boolean {
  return ['.npy', '.safetensors'].includes(extname(path).toLowerCase())
}

const beside = (path: string) => `${path}.json`

/**
 * Writes features, and beside them what they are of. Files that are there are replaced.
 *
 * @param path .npy, written row by row, or .safetensors, for which all of it must fit in memory
 * @param rows [n, width] each
 * @param facts called when all rows are written
 * @returns how many rows
 * @throws DiskError when the disk refuses
 */
export async function writeIndex(
  path: string,
  width: number,
  rows: AsyncIterable<Float32Array>,
  facts: () => FeatureFacts
): Promise<number> {
  let count = 0
  // What was told of a file before goes first: it must never be taken for what is told of this one.
  await replaceWith(path, async (temporary) => {
    if (extname(path).toLowerCase() === '.npy') {
      count = await writeNpy(temporary, width, rows)
      return removeFile(beside(path))
    }
    const parts: Uint8Array[] = []
    for await (const values of rows) {
      parts.push(new Uint8Array(values.slice().buffer))
      count += values.length / width
    }
    const data = new Uint8Array(Buffer.concat(parts))
    const { net, layer } = facts()
    const features = { dtype: 'f32', shape: [count, width], data } as const
    await writeSafetensors(temporary, { [NAME]: features }, { net, layer })
    await removeFile(beside(path))
  })
  const { run, folder, ...rest } = facts()
  const about = { run: resolve(run), folder: resolve(folder), ...rest }
  await replaceFile(
    beside(path),
    jsonText({ format: FORMAT, version: VERSION, ...about }, 'features')
  )
  return count
}

/**
 * Opens features that were written.
 *
 * @throws DamagedFileError where the file, or what lies beside it, is not what was written
 * @throws DiskError where it cannot be read
 */
export async function openIndex(path: string): Promise<FeatureIndex> {
  const told = await readJson(beside(path))
  const { format, version, run, weights, net, layer, folder, images } = isObject(told) ? told : {}
  if (format !== FORMAT) damaged(beside(path), `the format '${FORMAT}'`, `${format}`)
  if (version !== VERSION) damaged(beside(path), `version ${VERSION}`, `${version}`)
  const names = { run, weights, net, layer, folder }
  const [missing] = Object.entries(names).find(([, value]) => typeof value !== 'string') ?? []
  if (missing !== undefined) damaged(beside(path), missing, 'none')
  if (!Array.isArray(images) || !images.every(isImage)) {
    damaged(beside(path), 'images, each with its file', 'others')
  }
  const matrix = await (extname(path).toLowerCase() === '.npy' ? readNpy(path) : inMemory(path))
  const [count, width] = matrix.shape
  if (count !== images.length) {
    damaged(path, `${images.length} rows, as ${beside(path)} says`, `${count}`)
  }
  return {
    ...{ run: `${run}`, weights: `${weights}`, net: `${net}`, layer: `${layer}` },
    ...{ folder: `${folder}`, images, width, rows: () => matrix.rows() }
  }
}

async function inMemory(path: string) {
  const { tensors } = await readSafetensors(path)
  const { [NAME]: found } = tensors
  const [count, width] = found?.shape ?? []
  if (found?.dtype !== 'f32' || count === undefined || width === undefined) {
    damaged(path, `the tensor '${NAME}' in f32, of two dimensions`, 'others')
  }
  const { buffer, byteOffset, byteLength } = found.data
  const values = new Float32Array(buffer, byteOffset, byteLength / 4)
  async function* rows() {
    yield { first: 0, values }
  }
  return { shape: [count, width] as const, rows }
}

function isImage(value: unknown): value is IndexedImage {
  if (!isObject(value) || typeof value.file !== 'string') return false
  return value.class === undefined || typeof value.class === 'string'
}

function damaged(path: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `[features] ${path}: expected ${expected}, got ${got}; write it again with alexnode features`
  )
}
