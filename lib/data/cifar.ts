/**
 * CIFAR-10 and CIFAR-100 as binary batches or Python pickles, in a folder or a plain tar. A binary record is a label
 * byte (CIFAR-100: a coarse one before it), then 1024 bytes each of red, green and blue, 32×32, row by row. From
 * Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { arrayImageSet } from './array-image-set.ts'
import { ByteCounts } from './byte-counts.ts'
import { checkLabels } from './check.ts'
import { folderFiles, type SetFiles, tarFiles } from './cifar-files.ts'
import { readBatch, readNames } from './cifar-pickles.ts'
import { DataError, type Dataset } from './dataset.ts'

const SIDE = 32
const PLANE = SIDE * SIDE
const PIXELS = 3 * PLANE
/** Images to convert before the event loop gets a turn. */
const TURN = 500

/** A variant of CIFAR: its files and records. */
interface Kind {
  readonly name: string
  readonly folder: string
  readonly train: readonly string[]
  readonly test: readonly string[]
  readonly names: string
  /** Bytes before the pixels; the last one is the label. */
  readonly lead: number
  readonly classes: number
  /** Keys of labels and names, in pickles. */
  readonly pickled?: { readonly labels: string; readonly names: string }
}

const kinds: readonly Kind[] = [
  {
    name: 'cifar-10',
    folder: 'cifar-10-batches-bin',
    train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
    test: ['test_batch.bin'],
    names: 'batches.meta.txt',
    lead: 1,
    classes: 10
  },
  {
    name: 'cifar-100',
    folder: 'cifar-100-binary',
    train: ['train.bin'],
    test: ['test.bin'],
    names: 'fine_label_names.txt',
    lead: 2,
    classes: 100
  },
  {
    name: 'cifar-10',
    folder: 'cifar-10-batches-py',
    train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`),
    test: ['test_batch'],
    names: 'batches.meta',
    lead: 0,
    classes: 10,
    pickled: { labels: 'labels', names: 'label_names' }
  },
  {
    name: 'cifar-100',
    folder: 'cifar-100-python',
    train: ['train'],
    test: ['test'],
    names: 'meta',
    lead: 0,
    classes: 100,
    pickled: { labels: 'fine_labels', names: 'fine_label_names' }
  }
]

/** Class names of CIFAR-10, by label. */
const cifar10Classes = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

/** A folder or tar with batches of CIFAR. */
export interface CifarFolder {
  readonly path: string
  readonly kind: Kind
  readonly files: SetFiles
}

/** Looks for batches of CIFAR in a folder, in the folder that their archive unpacks to, or in a plain tar. */
export async function findCifar(folder: string): Promise<CifarFolder | undefined> {
  if (/\.tar$/i.test(folder) && (await stat(folder).catch(() => undefined))?.isFile()) {
    const files = await tarFiles(folder)
    for (const kind of kinds) {
      if (files && (await isWhole(files, kind))) return { path: folder, kind, files }
    }
    return
  }
  for (const kind of kinds) {
    for (const path of [folder, join(folder, kind.folder)]) {
      const files = folderFiles(path)
      if (await isWhole(files, kind)) return { path, kind, files }
    }
  }
  return
}

/** True if a batch is there; of names that others use, too, such as `train`, all of them. */
async function isWhole(files: SetFiles, { train, test, names, lead }: Kind): Promise<boolean> {
  const batches = [...train, ...test]
  const there = await Promise.all(batches.map((file) => files.has(file)))
  if (lead > 0 || train.length > 1) return there.includes(true)
  return there.every(Boolean) && files.has(names)
}

/**
 * Loads CIFAR's batches into memory.
 *
 * @throws DiskError if a batch cannot be read
 * @throws DataError if a batch is truncated or has a label out of range
 *
 * @example
 * const found = await findCifar('/data/cifar-10-batches-bin')
 * if (found) console.log((await loadCifarFolder(found)).train.length)
 */
export async function loadCifarFolder(
  { path, kind, files }: CifarFolder,
  { signal }: { readonly signal?: AbortSignal | undefined } = {}
): Promise<Dataset> {
  const train = await readBatches(files, kind, kind.train, signal)
  const test = await readBatches(files, kind, kind.test, signal)
  const counts = new ByteCounts(3)
  for (let at = 0; at < train.images.length; at += TURN * PIXELS) {
    signal?.throwIfAborted()
    counts.add(train.images.subarray(at, at + TURN * PIXELS))
    await setImmediate()
  }
  const classes = await classNames(files, kind)
  const shape = { height: SIDE, width: SIDE, channels: 3, classes, ...counts.stats() }
  return {
    name: kind.name,
    source: `found in ${path}`,
    classes,
    ...counts.stats(),
    train: arrayImageSet({ ...train, ...shape }),
    test: arrayImageSet({ ...test, ...shape })
  }
}

/** A batch: planes [image, channel, row, column], one after another or with labels between. */
interface Batch {
  readonly count: number
  label(i: number): number
  planes(i: number): Uint8Array
}

async function readBatches(
  files: SetFiles,
  kind: Kind,
  names: readonly string[],
  signal: AbortSignal | undefined
): Promise<{ readonly images: Uint8Array; readonly labels: Uint8Array }> {
  const batches: Batch[] = []
  for (const name of names) {
    signal?.throwIfAborted()
    batches.push(batchOf(await files.read(name), files.path(name), kind))
  }
  const count = batches.reduce((sum, { count }) => sum + count, 0)
  const images = new Uint8Array(count * PIXELS)
  const labels = new Uint8Array(count)
  let i = 0
  for (const [k, batch] of batches.entries()) {
    for (let own = 0; own < batch.count; own++, i++) {
      labels[i] = batch.label(own)
      interleave(batch.planes(own), images.subarray(i * PIXELS))
      if (i % TURN === 0) await setImmediate()
    }
    checkLabels(labels.subarray(0, i), kind.classes, files.path(names[k] ?? ''))
  }
  return { images, labels }
}

function batchOf(bytes: Buffer, path: string, { lead, pickled }: Kind): Batch {
  if (pickled) {
    const { data, labels } = readBatch(bytes, path, pickled.labels, PIXELS)
    return {
      count: labels.length,
      label: (i) => labels[i] ?? 0,
      planes: (i) => data.subarray(i * PIXELS, (i + 1) * PIXELS)
    }
  }
  const size = lead + PIXELS
  if (bytes.length === 0 || bytes.length % size !== 0) {
    throw new DataError(
      `[data] ${path}: expected images of ${size} bytes each, got ${bytes.length} bytes,` +
        ' which is no whole number of them; fetch the file again'
    )
  }
  return {
    count: bytes.length / size,
    label: (i) => bytes[i * size + lead - 1] ?? 0,
    planes: (i) => bytes.subarray(i * size + lead, (i + 1) * size)
  }
}

/** Converts planes [channel, row, column] to pixels [row, column, channel]. */
function interleave(planes: Uint8Array, pixels: Uint8Array): void {
  for (let p = 0; p < PLANE; p++) {
    pixels[3 * p] = planes[p] ?? 0
    pixels[3 * p + 1] = planes[PLANE + p] ?? 0
    pixels[3 * p + 2] = planes[2 * PLANE + p] ?? 0
  }
}

async function classNames(
  files: SetFiles,
  { names, classes, pickled }: Kind
): Promise<readonly string[]> {
  const bytes = (await files.has(names)) ? await files.read(names) : Buffer.alloc(0)
  const found = pickled
    ? bytes.length === 0
      ? []
      : readNames(bytes, files.path(names), pickled.names)
    : bytes
        .toString('utf8')
        .split(/\r?\n/)
        .filter((line) => line.trim() !== '')
  if (found.length === classes) return found
  return classes === 10 ? cifar10Classes : Array.from({ length: classes }, (_, k) => String(k))
}
