/** A data set in memory as a source: IDX files and CIFAR's batches. */
import type { Dataset, ImageSet } from '../../dataset.ts'
import { stampOf } from './listing.ts'
import type { Source, SourcePart } from './source.ts'

/**
 * Makes a source of a data set.
 * @param kind kind of its files, for people
 */
export async function datasetSource(data: Dataset, kind: string): Promise<Source> {
  const { name, classes, train, test, notice } = data
  const { height, width, channels } = train
  return {
    name,
    kind,
    classes,
    shape: { height, width, channels },
    train: await partOf(train, 'train'),
    test: await partOf(test, 'test'),
    skipped: [],
    notes: notice === undefined ? [] : notice.split('\n'),
    stamp: stampOf([name, String(train.length), String(test.length)]),
    close: async () => {}
  }
}

async function partOf(set: ImageSet, part: string): Promise<SourcePart> {
  const { length, height, width, channels } = set
  const size = height * width * channels
  const labels = new Int32Array(length)
  const all = Uint32Array.from({ length: 1 }, () => 0)
  const one = new Int32Array(1)
  const scratch = new Uint8Array(size)
  for (let i = 0; i < length; i++) {
    all[0] = i
    await set.read(all, scratch, one)
    labels[i] = one[0] ?? 0
  }
  return {
    length,
    name: (i) => `${part}/${String(i).padStart(5, '0')}`,
    label: (i) => labels[i] ?? 0,
    bytes: () => size,
    read: async (i) => {
      const pixels = new Uint8Array(size)
      await set.read(Uint32Array.of(i), pixels, new Int32Array(1))
      return { pixels }
    }
  }
}
