/** Writes pictures as PNG files. */
import { loadSharp } from '../data/photos/sharp.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { writeBytes } from '../util/files/bytes.ts'
import type { Picture } from './filters.ts'

/**
 * Writes a picture; an existing file is replaced.
 *
 * @throws DiskError if the disk refuses
 * @throws DataError if sharp is not installed
 */
export async function writePng(path: string, picture: Picture): Promise<void> {
  const sharp = await loadSharp()
  const { data, height, width, channels } = picture
  const bytes = await sharp(data, { raw: { height, width, channels } }).png().toBuffer()
  await replaceWith(path, async (temporary) => {
    await writeBytes(temporary, [bytes])
  })
}
