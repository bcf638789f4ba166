/** Pictures of one size. */
export interface Pictures {
  /** u8 [picture, row, column, channel] */
  readonly bytes: Uint8Array
  readonly height: number
  readonly width: number
  /** 1 or 3. */
  readonly channels: number
}

/** An RGB image. */
export interface Sheet {
  /** u8 [row, column, channel] */
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
}

/** Pixels between pictures, and their grey. */
const GAP = 2
const GREY = 40

/** Lays pictures out on one sheet, in about as many rows as columns. */
export function contactSheet({ bytes, height, width, channels }: Pictures): Sheet {
  const size = height * width * channels
  const count = bytes.length / size
  const columns = Math.ceil(Math.sqrt(count))
  const rows = Math.ceil(count / columns)
  const sheet = {
    height: rows * (height + GAP) + GAP,
    width: columns * (width + GAP) + GAP
  }
  const data = new Uint8Array(sheet.height * sheet.width * 3).fill(GREY)
  for (let i = 0; i < count; i++) {
    const top = GAP + Math.floor(i / columns) * (height + GAP)
    const left = GAP + (i % columns) * (width + GAP)
    for (let row = 0; row < height; row++) {
      const to = ((top + row) * sheet.width + left) * 3
      const from = i * size + row * width * channels
      for (let at = 0; at < width * 3; at++) {
        const channel = channels === 1 ? Math.floor(at / 3) : at
        data[to + at] = bytes[from + channel] ?? 0
      }
    }
  }
  return { data, ...sheet }
}
