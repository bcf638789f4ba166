/**
 * CIFAR-10 and CIFAR-100 as binary batches. A record is a label byte (CIFAR-100: a coarse one before it), then
 * 1024 bytes each of red, green and blue, 32×32, row by row. From Krizhevsky, "Learning multiple layers of features
 * from tiny images", 2009.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { readText, withFile } from '../util/files/bytes.ts'
import { onDisk } from '../util/files/errors.ts'
import { arrayImageSet } from './array-image-set.ts'
import { ByteCounts } from './byte-counts.ts'
import { checkLabels } from './check.ts'
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
  }
]

/** Class names of CIFAR-10, by label. */
const cifar10Classes = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

/** A folder with batches of CIFAR. */
export interface CifarFolder {
  readonly path: string
  readonly kind: Kind
}

/** Looks for batches of CIFAR in a folder, or in the folder that their archive unpacks to. */
export async function findCifar(folder: string): Promise<CifarFolder | undefined> {
  for (const kind of kinds) {
    for (const path of [folder, join(folder, kind.folder)]) {
      for (const file of [...kind.train, ...kind.test]) {
        if ((await stat(join(path, file)).catch(() => undefined))?.isFile()) return { path, kind }
      }
    }
  }
  return
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
  { path, kind }: CifarFolder,
  { signal }: { readonly signal?: AbortSignal | undefined } = {}
): Promise<Dataset> {
  const train = await readBatches(path, kind, kind.train, signal)
  const test = await readBatches(path, kind, kind.test, signal)
  const counts = new ByteCounts(3)
  for (let at = 0; at < train.images.length; at += TURN * PIXELS) {
    signal?.throwIfAborted()
    counts.add(train.images.subarray(at, at + TURN * PIXELS))
    await setImmediate()
  }
  const classes = await classNames(path, kind)
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

async function readBatches(
  folder: string,
  { lead, classes }: Kind,
  files: readonly string[],
  signal: AbortSignal | undefined
): Promise<{ readonly images: Uint8Array; readonly labels: Uint8Array }> {
  const size = lead + PIXELS
  const batches: Uint8Array[] = []
  for (const file of files) {
    const path = join(folder, file)
    signal?.throwIfAborted()
    const bytes = await onDisk('data', 'read', path, () =>
      withFile(path, 'r', (handle) => handle.readFile())
    )
    if (bytes.length === 0 || bytes.length % size !== 0) {
      throw new DataError(
        `[data] ${path}: expected images of ${size} bytes each, got ${bytes.length} bytes,` +
          ' which is no whole number of them; fetch the file again'
      )
    }
    batches.push(bytes)
  }
  const count = batches.reduce((sum, { length }) => sum + length / size, 0)
  const images = new Uint8Array(count * PIXELS)
  const labels = new Uint8Array(count)
  let i = 0
  for (const [k, batch] of batches.entries()) {
    for (let at = 0; at < batch.length; at += size, i++) {
      labels[i] = batch[at + lead - 1] ?? 0
      interleave(batch.subarray(at + lead, at + size), images.subarray(i * PIXELS))
      if (i % TURN === 0) await setImmediate()
    }
    checkLabels(labels.subarray(0, i), classes, join(folder, files[k] ?? ''))
  }
  return { images, labels }
}

/** Converts planes [channel, row, column] to pixels [row, column, channel]. */
function interleave(planes: Uint8Array, pixels: Uint8Array): void {
  for (let p = 0; p < PLANE; p++) {
    pixels[3 * p] = planes[p] ?? 0
    pixels[3 * p + 1] = planes[PLANE + p] ?? 0
    pixels[3 * p + 2] = planes[2 * PLANE + p] ?? 0
  }
}

async function classNames(folder: string, { names, classes }: Kind): Promise<readonly string[]> {
  const text = await readText('data', join(folder, names)).catch(() => '')
  const found = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (found.length === classes) return found
  return classes === 10 ? cifar10Classes : Array.from({ length: classes }, (_, k) => String(k))
}
