/**
 * A layer's outputs for many images as a file: a matrix [images, width] of f32 in .npy or .safetensors, and beside it
 * `NAME.json`, which names the net and the image of each row.
 */
import { extname, resolve } from 'node:path'
import { checkArguments } from '../util/check/check.ts'
import {
  anyText,
  asyncRows,
  callback,
  list,
  maybe,
  type Rule,
  type Rules,
  record,
  text,
  typed,
  whole
} from '../util/check/rules.ts'
import { removeFile, replaceFile, replaceWith } from '../util/files/atomic.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import { isObject, jsonText, readJson } from '../util/files/json.ts'
import { readNpy, writeNpy } from '../util/files/npy.ts'
import { readSafetensors, writeSafetensors } from '../util/files/safetensors.ts'
import { shown } from '../util/foreign.ts'
import type { RowBatch } from './nearest.ts'

const FORMAT = 'alexnode features'
const VERSION = 1
/** Name of the tensor in .safetensors. */
const NAME = 'features'

/** The image of a row. */
export interface IndexedImage {
  /** Its file, relative to the index's `folder`; of images in shards, its name there. */
  readonly file: string
  /** Its class, if it is known. */
  readonly class?: string
}

/** What a matrix of features was made from. */
export interface FeatureFacts {
  /** Folder of the run whose net computed the features. */
  readonly run: string
  /** SHA-256 of the run's weights, in hexadecimal. */
  readonly weights: string
  /** Name of the net, such as 'alexnet'. */
  readonly net: string
  /** Name of the layer, such as 'fc7'. */
  readonly layer: string
  /** Folder that the files' names are relative to. */
  readonly folder: string
  /** The image of each row. */
  readonly images: readonly IndexedImage[]
}

const image = record<IndexedImage>({ file: text, class: maybe(anyText) }, { open: true })
const factRules: Rules<FeatureFacts> = {
  run: text,
  weights: text,
  net: text,
  layer: text,
  folder: text,
  images: list(image)
}

/** A matrix of features in a file, [images, width]. */
export interface FeatureIndex extends FeatureFacts {
  /** Values of a row. */
  readonly width: number
  /** Reads the rows, some at a time. */
  rows(): AsyncIterable<RowBatch>
}

/** True if features can be written to a file of this name. */
export function isIndexName(path: string): boolean {
  return ['.npy', '.safetensors'].includes(extname(path).toLowerCase())
}

/** The file that describes a matrix. */
const factsFile = (path: string) => `${path}.json`

/** The facts about so many rows. */
const factsOf = (rows: number): Rule => {
  return record<FeatureFacts>(factRules, {
    also: ({ images }) =>
      images.length === rows
        ? undefined
        : { path: 'images', expected: `one for each of ${rows} rows`, got: `${images.length}` }
  })
}

/** The rows, each piece checked when it comes. */
async function* checkedRows(
  rows: AsyncIterable<Float32Array>,
  width: number
): AsyncGenerator<Float32Array> {
  const floats = typed('Float32Array')
  const expected = `whole rows of ${width} values`
  const rule: Rule = {
    expected,
    optional: false,
    fault(value) {
      const fault = floats.fault(value)
      if (fault || !(value instanceof Float32Array) || value.length % width === 0) return fault
      return { path: '', expected, got: `${value.length} values` }
    }
  }
  for await (const values of rows) {
    checkArguments('features', { 'rows, each piece': [values, rule] })
    yield values
  }
}

/**
 * Writes a matrix of features, and beside it `PATH.json`. Existing files are replaced.
 *
 * @param path .npy, written row by row, or .safetensors, which is gathered in memory first
 * @param width values of a row
 * @param rows some rows at a time, [n, width]
 * @param facts called once all rows are written
 * @returns the number of rows
 * @throws RangeError for rows that are no f32 of this width, and for facts that are not about as many images
 * @throws DiskError if the disk refuses
 *
 * @example
 * await writeIndex('fc7.npy', 4096, rows, () => ({ run, weights, net, layer: 'fc7', folder, images }))
 */
export async function writeIndex(
  path: string,
  width: number,
  rows: AsyncIterable<Float32Array>,
  facts: () => FeatureFacts
): Promise<number> {
  checkArguments('features', {
    path: [path, text],
    width: [width, whole({ from: 1 })],
    rows: [rows, asyncRows],
    facts: [facts, callback]
  })
  const checked = checkedRows(rows, width)
  const known = () => {
    const found = facts()
    checkArguments('features', { 'facts, what it gives': [found, factsOf(count)] })
    return found
  }
  let count = 0
  // The old description goes first: it must never describe the new matrix.
  await replaceWith(path, async (temporary) => {
    if (extname(path).toLowerCase() === '.npy') {
      count = await writeNpy(temporary, width, checked)
      return removeFile(factsFile(path))
    }
    const parts: Uint8Array[] = []
    for await (const values of checked) {
      parts.push(new Uint8Array(values.slice().buffer))
      count += values.length / width
    }
    const data = new Uint8Array(Buffer.concat(parts))
    const { net, layer } = known()
    const features = { dtype: 'f32', shape: [count, width], data } as const
    await writeSafetensors(temporary, { [NAME]: features }, { net, layer })
    await removeFile(factsFile(path))
  })
  const { run, folder, ...rest } = known()
  const about = { run: resolve(run), folder: resolve(folder), ...rest }
  await replaceFile(
    factsFile(path),
    jsonText({ format: FORMAT, version: VERSION, ...about }, 'features')
  )
  return count
}

/**
 * Opens a matrix of features that `writeIndex` or `alexnode features` wrote.
 *
 * @param path .npy or .safetensors
 * @throws DamagedFileError if the matrix or `PATH.json` is damaged, or they do not fit together
 * @throws DiskError if a file cannot be read
 *
 * @example
 * const index = await openIndex('fc7.npy')
 * for await (const { first, values } of index.rows()) console.log(first, values.length / index.width)
 */
export async function openIndex(path: string): Promise<FeatureIndex> {
  checkArguments('features', { path: [path, text] })
  const facts = await readJson(factsFile(path))
  const { format, version, run, weights, net, layer, folder, images } = isObject(facts) ? facts : {}
  if (format !== FORMAT) damaged(factsFile(path), `the format '${FORMAT}'`, shown(format))
  if (version !== VERSION) damaged(factsFile(path), `version ${VERSION}`, shown(version))
  const names = { run, weights, net, layer, folder }
  const [missing] = Object.entries(names).find(([, value]) => typeof value !== 'string') ?? []
  if (missing !== undefined) damaged(factsFile(path), missing, shown(facts))
  if (!Array.isArray(images) || !images.every(isImage)) {
    damaged(factsFile(path), 'images, each with its file', 'others')
  }
  const matrix = await (extname(path).toLowerCase() === '.npy' ? readNpy(path) : readMatrix(path))
  const [count, width] = matrix.shape
  if (count !== images.length) {
    damaged(path, `${images.length} rows, as ${factsFile(path)} says`, `${count}`)
  }
  return {
    run: `${run}`,
    weights: `${weights}`,
    net: `${net}`,
    layer: `${layer}`,
    folder: `${folder}`,
    images,
    width,
    rows: () => matrix.rows()
  }
}

async function readMatrix(path: string) {
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
