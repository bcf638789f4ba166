/** Loads a folder of four IDX files: MNIST, Fashion-MNIST, KMNIST and others. */
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { anyText, signal as aSignal, list, maybe, record, text } from '../../util/check/rules.ts'
import { arrayImageSet } from '../array-image-set.ts'
import { ByteCounts, type ImageStats } from '../byte-counts.ts'
import { checkLabels } from '../check.ts'
import { DataError, type Dataset } from '../dataset.ts'
import { type IdxArray, readIdx } from './idx.ts'

/** Names of the four files, without `.gz`. */
export const idxNames = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte'
} as const

/** Paths of the four files. */
export type IdxPaths = Readonly<Record<keyof typeof idxNames, string>>

/** Options of `loadIdxFolder`. */
export interface LoadIdxOptions {
  /** The set's `source`, for people. Default: 'found in …'. */
  readonly source?: string
  /** Aborts reading. */
  readonly signal?: AbortSignal | undefined
  /** Name of the set. Default: 'fashion-mnist' for its files, else the folder's name. */
  readonly name?: string | undefined
  /** Class names by label. Default: those of Fashion-MNIST for its files, else '0', '1', …, at least ten. */
  readonly classes?: readonly string[] | undefined
}

const idxOptions = record<LoadIdxOptions>({
  source: maybe(anyText),
  signal: maybe(aSignal),
  name: maybe(text),
  classes: maybe(list(text, { least: 1 }))
})

/** Class names of Fashion-MNIST, by label. */
export const fashionClasses: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot'
]

/** The first training labels of Fashion-MNIST. They identify its files in any folder. */
const FASHION_LABELS = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9]
const COUNT_CHUNK = 1 << 20

/** Names in a folder; none if the folder is missing. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new DataError(
      `[data] ${folder}: expected a folder that can be read, got ${code}; check its rights`,
      { cause: error }
    )
  }
}

/** Finds the four files in a folder (plain before gzipped), and names the missing ones. */
export async function findIdxFiles(
  folder: string
): Promise<{ found: Partial<IdxPaths>; missing: string[] }> {
  const names = new Set(await namesIn(folder))
  const found: Partial<Record<keyof IdxPaths, string>> = {}
  const missing: string[] = []
  for (const key of ['trainImages', 'trainLabels', 'testImages', 'testLabels'] as const) {
    const dashed = idxNames[key]
    // Some copies are named train-images.idx3-ubyte.
    const dotted = dashed.replace('-idx', '.idx')
    const name = [dashed, dotted, `${dashed}.gz`, `${dotted}.gz`].find((name) => names.has(name))
    if (name) found[key] = join(folder, name)
    else missing.push(`${dashed}.gz`)
  }
  return { found, missing }
}

/**
 * Finds the folder with IDX files: `folder` itself or `fashion-mnist` in it. Undefined if neither has one of the
 * four.
 */
export async function findIdxFolder(folder: string): Promise<string | undefined> {
  for (const place of [folder, join(folder, 'fashion-mnist')]) {
    const { missing } = await findIdxFiles(place)
    if (missing.length < 4) return resolve(place)
  }
  return undefined
}

/**
 * Loads the four IDX files of a folder, gzipped or not, into memory: grey images [row, column, 1]. The classes are
 * those of Fashion-MNIST if the files or the folder's name say so, else '0', '1', …, at least ten.
 *
 * @param folder has train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-… and t10k-labels-…
 * @throws DataError if a file is missing or damaged, counts or sizes disagree, or a label is out of range
 *
 * @example
 * const data = await loadIdxFolder('/data/kmnist')
 */
export async function loadIdxFolder(
  folder: string,
  options: LoadIdxOptions = {}
): Promise<Dataset> {
  checkArguments('data', { folder: [folder, text] }, DataError)
  checkOptions('data', options, idxOptions, DataError)
  const { source = `found in ${folder}`, signal, name, classes: given } = options
  const { found, missing } = await findIdxFiles(folder)
  const { trainImages, trainLabels, testImages, testLabels } = found
  if (!trainImages || !trainLabels || !testImages || !testLabels) {
    throw new DataError(
      `[data] ${folder}: expected four IDX files, missing ${missing.join(', ')};` +
        ' add what is missing (with or without .gz)'
    )
  }
  const [train, trainTruth, test, testTruth] = await Promise.all([
    readIdx(trainImages, { rank: 3, signal }),
    readIdx(trainLabels, { rank: 1, signal }),
    readIdx(testImages, { rank: 3, signal }),
    readIdx(testLabels, { rank: 1, signal })
  ])
  checkPair(trainImages, train, trainLabels, trainTruth)
  checkPair(testImages, test, testLabels, testTruth)
  const size = ({ dims }: IdxArray) => `${dims[1]}×${dims[2]}`
  if (size(train) !== size(test)) {
    throw new DataError(
      `[data] ${testImages}: expected images of ${size(train)}, as in ${trainImages},` +
        ` got ${size(test)}; use files of one data set`
    )
  }

  const isFashion =
    basename(resolve(folder)).toLowerCase().includes('fashion') ||
    (trainTruth.data.length === 60_000 &&
      FASHION_LABELS.every((label, i) => label === trainTruth.data[i]))
  const classes = given ?? (isFashion ? fashionClasses : numbered(trainTruth.data))
  checkLabels(trainTruth.data, classes.length, trainLabels)
  checkLabels(testTruth.data, classes.length, testLabels)

  const stats = await byteStats(train.data, signal)
  const shape = { height: train.dims[1]!, width: train.dims[2]!, channels: 1, classes, ...stats }
  return {
    name: name ?? (isFashion ? 'fashion-mnist' : basename(resolve(folder))),
    source,
    classes,
    ...stats,
    train: arrayImageSet({ images: train.data, labels: trainTruth.data, ...shape }),
    test: arrayImageSet({ images: test.data, labels: testTruth.data, ...shape })
  }
}

function checkPair(imagePath: string, images: IdxArray, labelPath: string, labels: IdxArray): void {
  if (images.dims[0] === labels.dims[0]) return
  throw new DataError(
    `[data] ${labelPath}: expected ${images.dims[0]} labels, one for each image of ${imagePath},` +
      ` got ${labels.dims[0]}; use files of one data set`
  )
}

/** Class names '0', '1', …: ten, or more if the labels need them. */
function numbered(labels: Uint8Array): string[] {
  let most = 9
  for (const label of labels) if (label > most) most = label
  return Array.from({ length: most + 1 }, (_, k) => String(k))
}

/** Mean and standard deviation, with turns for the event loop. */
async function byteStats(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<ImageStats> {
  const counts = new ByteCounts(1)
  for (let at = 0; at < bytes.length; at += COUNT_CHUNK) {
    signal?.throwIfAborted()
    counts.add(bytes.subarray(at, at + COUNT_CHUNK))
    await setImmediate()
  }
  return counts.stats()
}
