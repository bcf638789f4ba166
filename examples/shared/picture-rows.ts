/** Draws images of sets in rows, as the paper's figure 4 has them. */
import type { ImageSet } from 'alexnode'
import sharp from 'sharp'

/** One image of a set. */
export interface Place {
  readonly set: ImageSet
  readonly index: number
}

/** Pixels between pictures; the first of a row stands apart. */
const [GAP, APART] = [4, 14]

/** Writes a PNG. Small images are drawn twice as large. */
export async function drawRows(file: string, rows: readonly (readonly Place[])[]): Promise<void> {
  const { height, width } = rows[0]?.[0]?.set ?? { height: 0, width: 0 }
  const zoom = height < 64 ? 2 : 1
  const size = { height: height * zoom, width: width * zoom }
  const left = (column: number) => GAP + column * (size.width + GAP) + (column > 0 ? APART : 0)
  const top = (row: number) => GAP + row * (size.height + GAP)
  const columns = Math.max(...rows.map(({ length }) => length))
  const pictures = await Promise.all(
    rows.flatMap((row, y) =>
      row.map(async (place, x) => ({
        input: await pngOf(place, size),
        left: left(x),
        top: top(y)
      }))
    )
  )
  const sheet = { width: left(columns), height: top(rows.length) }
  await sharp({ create: { ...sheet, channels: 3, background: 'white' } })
    .composite(pictures)
    .png({ palette: true })
    .toFile(file)
}

async function pngOf({ set, index }: Place, size: { height: number; width: number }) {
  const { height, width, channels } = set
  const bytes = new Uint8Array(height * width * channels)
  await set.read(Uint32Array.of(index), bytes, new Int32Array(1))
  const raw = { height, width, channels: channels === 1 ? 1 : 3 } as const
  return sharp(bytes, { raw })
    .resize({ ...size, kernel: 'nearest' })
    .png()
    .toBuffer()
}
