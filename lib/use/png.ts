/** Writes pictures as PNG files. */
import { loadSharp } from '../data/photos/sharp.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { writeBytes } from '../util/files/bytes.ts'
import type { Picture } from './filters.ts'

/**
 * A picture as the bytes of a PNG file.
 *
 * @throws DataError if sharp is not installed
 */
export async function pngOf({ data, height, width, channels }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp()
  return sharp(data, { raw: { height, width, channels } }).png().toBuffer()
}

/**
 * Writes a picture; an existing file is replaced.
 *
 * @throws DiskError if the disk refuses
 * @throws DataError if sharp is not installed
 */
export async function writePng(path: string, picture: Picture): Promise<void> {
  const bytes = await pngOf(picture)
  await replaceWith(path, async (temporary) => {
    await writeBytes(temporary, [bytes])
  })
}
