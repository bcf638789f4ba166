/** Colour images as grey ones, for nets of one channel. */
import { checkRead } from '../data/check.ts'
import type { ImageSet } from '../data/dataset.ts'

/** Writes the luma (ITU-R BT.601) of RGB bytes, one byte a pixel. */
export function luma(rgb: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = Math.round(0.299 * rgb[i * 3]! + 0.587 * rgb[i * 3 + 1]! + 0.114 * rgb[i * 3 + 2]!)
  }
}

/** A set of RGB images as one of grey images. */
export function greySet(set: ImageSet): ImageSet {
  const { length, height, width, classes } = set
  const size = height * width
  let colours = new Uint8Array(0)
  return {
    length,
    height,
    width,
    channels: 1,
    classes,
    mean: [0],
    std: [1],
    async read(indices, images, labels) {
      checkRead(this, indices, images, labels)
      const bytes = indices.length * size * 3
      // Two batches may be read at a time; a buffer that is taken is not used twice.
      const into = colours.length >= bytes ? colours : new Uint8Array(bytes)
      colours = new Uint8Array(0)
      await set.read(indices, into.subarray(0, bytes), labels)
      luma(into, images.subarray(0, indices.length * size))
      colours = into
    },
    ...(set.isDamaged && { isDamaged: (i) => set.isDamaged?.(i) ?? false })
  }
}
