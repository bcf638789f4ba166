/** Checks that implementations of ImageSet share. */
import { DataError, type ImageShape } from './dataset.ts'

/**
 * Checks the arguments of `ImageSet.read`.
 *
 * @throws RangeError if an index is out of range or an output is too short
 */
export function checkRead(
  set: ImageShape & { readonly length: number },
  indices: Uint32Array,
  images: Uint8Array,
  labels: Int32Array
): void {
  const count = indices.length
  const bytes = count * set.height * set.width * set.channels
  if (images.length < bytes) {
    throw new RangeError(
      `[data] expected room for ${count} images of ${set.height}×${set.width}×${set.channels}` +
        ` = ${bytes} bytes, got ${images.length}; pass a longer Uint8Array`
    )
  }
  if (labels.length < count) {
    throw new RangeError(
      `[data] expected room for ${count} labels, got ${labels.length}; pass a longer Int32Array`
    )
  }
  for (let i = 0; i < count; i++) {
    if (indices[i]! >= set.length) {
      throw new RangeError(
        `[data] expected image indices from 0 to ${set.length - 1}, got ${indices[i]} at place ${i}`
      )
    }
  }
}

/**
 * Checks that every label names a class.
 *
 * @param where names the labels in the message, such as a file's name
 * @throws DataError naming the first label that is out of range
 */
export function checkLabels(
  labels: Uint8Array | Int32Array,
  classes: number,
  where = 'labels'
): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (label < 0 || label >= classes) {
      throw new DataError(
        `[data] ${where}: expected labels from 0 to ${classes - 1} (${classes} classes),` +
          ` got ${label} for image ${i}; correct the label or name more classes`
      )
    }
  }
}
