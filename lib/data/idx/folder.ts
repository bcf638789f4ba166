/** Loads a folder of four IDX files: MNIST, Fashion-MNIST, KMNIST and others. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
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

const NAME = /^(.*-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$/

/** What the names of sets begin with: '' for MNIST's names, else such as 'emnist-letters-'. */
function prefixesOf(names: readonly string[]): readonly string[] {
  const found = new Set<string>()
  for (const name of names) {
    const [whole, prefix = ''] = NAME.exec(name) ?? []
    if (whole !== undefined) found.add(prefix)
  }
  return found.has('') ? [''] : [...found].sort()
}

/**
 * Finds the four files in a folder (plain before gzipped), and names the missing ones.
 * @param only what their names begin with. Default: what those in the folder do
 */
export async function findIdxFiles(
  folder: string,
  only?: string
): Promise<{ found: Partial<IdxPaths>; missing: string[] }> {
  const all = await namesIn(folder)
  const names = new Set(all)
  const [prefix = '', ...more] = only === undefined ? prefixesOf(all) : [only]
  if (more.length > 0) {
    throw new DataError(
      `[data] ${folder}: expected the four IDX files of one set, got those of ${[prefix, ...more].join(', ')};` +
        ' put the four files of one into a folder of their own'
    )
  }
  const found: Partial<Record<keyof IdxPaths, string>> = {}
  const missing: string[] = []
  for (const key of ['trainImages', 'trainLabels', 'testImages', 'testLabels'] as const) {
    const dashed = prefix + idxNames[key]
    // EMNIST's are named so, and some copies train-images.idx3-ubyte.
    const other = dashed.replace('t10k', 'test')
    const plain = [dashed, other].flatMap((name) => [name, name.replace('-idx', '.idx')])
    const name = [...plain, ...plain.map((name) => `${name}.gz`)].find((name) => names.has(name))
    if (name) found[key] = join(folder, name)
    else missing.push(`${dashed}.gz`)
  }
  return { found, missing }
}

/** Folders that torchvision and EMNIST's archive make. */
const RAW = ['raw', 'MNIST/raw', 'FashionMNIST/raw', 'KMNIST/raw', 'EMNIST/raw', 'gzip']

/**
 * Finds the folder with IDX files: `folder` itself, `fashion-mnist` in it, or one as torchvision makes it, such as
 * `MNIST/raw`. Undefined if none has one of the four.
 *
 * @throws DataError if several of torchvision's folders are there
 */
export async function findIdxFolder(folder: string): Promise<string | undefined> {
  for (const place of [folder, join(folder, 'fashion-mnist')]) {
    const { missing } = await findIdxFiles(place)
    if (missing.length < 4) return resolve(place)
  }
  const found: string[] = []
  for (const place of RAW) {
    const { missing } = await findIdxFiles(join(folder, place))
    if (missing.length < 4) found.push(place)
  }
  if (found.length > 1) {
    throw new DataError(
      `[data] ${folder}: expected the IDX files of one set, got ${found.join(', ')}; name one of these folders`
    )
  }
  return found[0] === undefined ? undefined : resolve(folder, found[0])
}

/** A set's name by its files and folder: 'emnist-letters', 'mnist' for MNIST/raw. */
function nameOf(folder: string, images: string): string {
  const [, prefix] = NAME.exec(basename(images)) ?? []
  if (prefix !== undefined) return prefix.slice(0, -1)
  const whole = resolve(folder)
  const last = basename(whole)
  return last === 'raw' || last === 'gzip' ? basename(dirname(whole)).toLowerCase() : last
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
  const { found, missing } = await findIdxFiles(folder)
  return loadIdxFiles(folder, found, missing, options)
}

/** Options of `loadIdxFiles`. */
export interface IdxFilesOptions extends LoadIdxOptions {
  /** The label of the first class. Default 0. */
  readonly firstLabel?: number
}

/**
 * Loads four IDX files.
 *
 * @param folder names the set, and the files in messages
 * @param missing names of files that are not there
 * @throws DataError as `loadIdxFolder` does
 */
export async function loadIdxFiles(
  folder: string,
  found: Partial<IdxPaths>,
  missing: readonly string[],
  options: IdxFilesOptions = {}
): Promise<Dataset> {
  const { source = `found in ${folder}`, signal, name, classes: given } = options
  const { firstLabel = 0 } = options
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
  for (const { data } of [trainTruth, testTruth]) {
    // A label below the first one becomes a large one, which is refused below.
    if (firstLabel > 0) for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) - firstLabel
  }
  // EMNIST's files have rows and columns exchanged, compared with MNIST's.
  const isEmnist = /^emnist-/i.test(basename(trainImages))
  if (isEmnist) for (const images of [train, test]) await transpose(images, signal)
  const sizeOf = ({ dims }: IdxArray) => `${dims[1]}×${dims[2]}`
  if (sizeOf(train) !== sizeOf(test)) {
    throw new DataError(
      `[data] ${testImages}: expected images of ${sizeOf(train)}, as in ${trainImages},` +
        ` got ${sizeOf(test)}; use files of one data set`
    )
  }

  const isFashion =
    nameOf(folder, trainImages).toLowerCase().includes('fashion') ||
    (trainTruth.data.length === 60_000 &&
      FASHION_LABELS.every((label, i) => label === trainTruth.data[i]))
  const first = given || isFashion ? 0 : firstOf(trainTruth.data, testTruth.data)
  const classes = given ?? (isFashion ? fashionClasses : numbered(trainTruth.data, first))
  if (first > 0) {
    for (const labels of [trainTruth.data, testTruth.data]) {
      for (const [i, label] of labels.entries()) labels[i] = label - first
    }
  }
  checkLabels(trainTruth.data, classes.length, trainLabels)
  checkLabels(testTruth.data, classes.length, testLabels)

  const notes = [
    ...(first > 0
      ? [`The labels run from 1 to ${classes.length}: class 1 is the first, there is no 0.`]
      : []),
    ...(isEmnist && given === undefined
      ? ["EMNIST's files have rows and columns exchanged: the images were turned, as MNIST's are."]
      : [])
  ]
  const stats = await byteStats(train.data, signal)
  const [, rows = 0, columns = 0] = train.dims
  const size = isEmnist ? { height: columns, width: rows } : { height: rows, width: columns }
  const shape = { ...size, channels: 1, classes, ...stats }
  return {
    name: name ?? (isFashion ? 'fashion-mnist' : nameOf(folder, trainImages)),
    source,
    ...(notes.length > 0 && { notice: notes.join('\n') }),
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

/** 1 if the labels run from 1 and there are more than ten, as EMNIST's letters; else 0. */
function firstOf(...parts: readonly Uint8Array[]): 0 | 1 {
  let most = 0
  for (const labels of parts) {
    if (labels.includes(0)) return 0
    for (const label of labels) if (label > most) most = label
  }
  return most > 9 ? 1 : 0
}

/** Swaps rows and columns of each image, in place, with turns for the event loop. */
async function transpose({ dims, data }: IdxArray, signal: AbortSignal | undefined): Promise<void> {
  const [count = 0, height = 0, width = 0] = dims
  const turned = new Uint8Array(height * width)
  for (let i = 0; i < count; i++) {
    const image = data.subarray(i * height * width, (i + 1) * height * width)
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        turned[column * height + row] = image[row * width + column] ?? 0
      }
    }
    image.set(turned)
    if (i % 1000 !== 0) continue
    signal?.throwIfAborted()
    await setImmediate()
  }
}

/** Class names '0', '1', … or '1', '2', …: ten, or more if the labels need them. */
function numbered(labels: Uint8Array, first: number): string[] {
  let most = 9
  for (const label of labels) if (label > most) most = label
  return Array.from({ length: most + 1 - first }, (_, k) => String(k + first))
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
