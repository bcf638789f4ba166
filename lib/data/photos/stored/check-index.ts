/** Checks the index of a shard: whoever altered it may have written its checksum, too. */
import { DamagedFileError } from '../../../util/files/errors.ts'
import type { ShardIndex, StoredFormat } from './shard.ts'

/**
 * Checks that a shard is of its set: its format, labels of known classes, and images and names that lie within it.
 *
 * @throws DamagedFileError naming the shard and what is wrong
 */
export function checkIndex(index: ShardIndex, format: StoredFormat, path: string): void {
  const wrong = (expected: string, got: string | number) =>
    new DamagedFileError(
      `[photos] ${path}: expected ${expected}, got ${got}; prepare the set again`
    )
  const { form, height, width, channels, payload, bytes: size, names } = index.header
  const { classes } = format
  const text = (one: Omit<StoredFormat, 'classes'>) =>
    `${one.form} images of ${one.height}×${one.width}×${one.channels}`
  const own = { form, height, width, channels }
  if (text(own) !== text(format)) throw wrong(text(format), text(own))
  const pixels = height * width * channels
  for (let i = 0; i < index.length; i++) {
    const [offset, bytes, label] = [index.offset(i), index.bytes(i), index.label(i)]
    if (offset < payload || offset + bytes > size) {
      throw wrong(`image ${i} between bytes ${payload} and ${size}`, `${bytes} bytes at ${offset}`)
    }
    if (form === 'raw' ? bytes !== pixels : bytes === 0) {
      throw wrong(`image ${i} of ${form === 'raw' ? pixels : '1 or more'} bytes`, bytes)
    }
    if (label < 0 || label >= classes.length) {
      throw wrong(`image ${i} with a label from 0 to ${classes.length - 1}`, label)
    }
    if (index.nameEnd(i) < index.nameEnd(i - 1) || index.nameEnd(i) > names) {
      throw wrong(`image ${i} with a name that ends within ${names} bytes`, index.nameEnd(i))
    }
  }
}
