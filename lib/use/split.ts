/** Parts of a data set: training images, test images, or both. */
import { checkRead } from '../data/check.ts'
import type { Dataset, ImageSet } from '../data/dataset.ts'

export const splits = ['train', 'test', 'all'] as const
export type Split = (typeof splits)[number]

/** A set whose images may have names. */
export interface NamedSet extends ImageSet {
  /** Name of an image, such as its file. */
  name?(index: number): string
}

/** The part to test on by default: all images of data without a test part, unless a net was trained on some of them. */
export function defaultSplit({ heldOut = false }: Dataset, trainedOn: boolean): Split {
  return heldOut && !trainedOn ? 'all' : 'test'
}

/** The images of a part. 'all' is the training images, then the test images; each image once if they are the same. */
export function partOf(data: Dataset, split: Split): NamedSet {
  const train: NamedSet = data.train
  const test: NamedSet = data.test
  if (split !== 'all') return split === 'train' ? train : test
  const same = train.name !== undefined && train.name(0) === test.name?.(0)
  return same ? train : joined(train, test)
}

function joined(first: NamedSet, second: NamedSet): NamedSet {
  const { length, height, width, channels } = first
  const size = height * width * channels
  const name = (index: number) =>
    (index < length ? first.name?.(index) : second.name?.(index - length)) ?? `${index}`
  const { load: _, isDamaged: __, ...facts } = first
  const isDamaged = (index: number) =>
    (index < length ? first.isDamaged?.(index) : second.isDamaged?.(index - length)) ?? false
  return {
    ...facts,
    length: length + second.length,
    ...(first.name && second.name && { name }),
    ...((first.isDamaged || second.isDamaged) && { isDamaged }),
    async read(indices, images, labels) {
      checkRead(this, indices, images, labels)
      // Most batches lie in one part, which reads them in one call.
      const one = new Uint8Array(size)
      const label = new Int32Array(1)
      const below = indices.filter((index) => index < length).length
      if (below === indices.length) return first.read(indices, images, labels)
      if (below === 0)
        return second.read(
          indices.map((index) => index - length),
          images,
          labels
        )
      for (const [i, index] of indices.entries()) {
        const [part, at] = index < length ? [first, index] : [second, index - length]
        await part.read(Uint32Array.of(at), one, label)
        images.set(one, i * size)
        labels[i] = label[0] ?? -1
      }
    }
  }
}
