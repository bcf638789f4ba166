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
  await replacePng(path, await pngOf(picture))
}

/** Pixels an inch of drawings: twice the usual, for screens with small pixels. */
const DENSITY = 144

/**
 * Writes a drawing, given as SVG; an existing file is replaced.
 *
 * @throws DiskError if the disk refuses
 * @throws DataError if sharp is not installed
 */
export async function writeDrawing(path: string, svg: string): Promise<void> {
  const sharp = await loadSharp()
  await replacePng(path, await sharp(Buffer.from(svg), { density: DENSITY }).png().toBuffer())
}

async function replacePng(path: string, bytes: Uint8Array): Promise<void> {
  await replaceWith(path, async (temporary) => {
    await writeBytes(temporary, [bytes])
  })
}
