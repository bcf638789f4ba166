import { arrayImageSet } from '../../data/array-image-set.ts'
import type { ImageSet } from '../../data/dataset.ts'
import type { InputShape } from '../../net/spec.ts'
import { Random } from '../../util/random.ts'

/** A batch of noise in the size of the net's input. */
export function generated(input: InputShape, classes: number, batch: number): ImageSet {
  const random = new Random({ seed: 1, purpose: 'bench' })
  const { channels, height, width } = input
  const images = new Uint8Array(batch * channels * height * width)
  for (let i = 0; i < images.length; i++) images[i] = random.word() & 255
  return arrayImageSet({
    images,
    labels: Int32Array.from({ length: batch }, () => random.integer(classes)),
    height,
    width,
    channels,
    classes: Array.from({ length: classes }, (_, i) => String(i))
  })
}
