/** Resizes pictures as torchvision does with its transforms Resize and CenterCrop, to the byte. */
import { native, settled } from '../../native/binding.ts'
import type { Photo, PhotoSize } from './photo.ts'

/** The nearest whole number, the even one of two: Python's `round`, which torchvision's CenterCrop takes. */
function toEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/**
 * The size that covers another: one side has that size, the other is cut down to whole pixels, as torchvision's Resize
 * does.
 */
function covering(photo: PhotoSize, { height, width }: PhotoSize): PhotoSize {
  return photo.width * height <= photo.height * width
    ? { width, height: Math.max(height, Math.floor((width * photo.height) / photo.width)) }
    : { height, width: Math.max(width, Math.floor((height * photo.width) / photo.height)) }
}

/**
 * Resizes a picture by a triangle filter with antialiasing, as Pillow's BILINEAR, on another thread.
 *
 * @param photo u8 [height, width, 3]
 * @param fit 'crop' scales it until it covers the size, and cuts out the centre; 'warp' stretches it
 */
export async function resampled(
  { data, height, width }: Photo,
  size: PhotoSize,
  fit: 'crop' | 'warp'
): Promise<Photo> {
  const whole = fit === 'crop' ? covering({ height, width }, size) : size
  const [top, left] = [whole.height - size.height, whole.width - size.width].map((room) =>
    toEven(room / 2)
  )
  const window = [top ?? 0, left ?? 0, size.height, size.width] as const
  const shape = [height, width, 3] as const
  const result = await settled<ArrayBuffer>((ticket) =>
    native.resample(ticket, data, shape, [whole.height, whole.width], window)
  )
  return { ...size, data: new Uint8Array(result) }
}
