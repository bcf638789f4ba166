import type { Shape } from '../../native/layout.ts'

/** [top, bottom, left, right]. */
export type Padding = readonly [number, number, number, number]
/** [vertical, horizontal]. */
export type Pair = readonly [number, number]

/** A window that slides over images. */
export interface Sliding {
  readonly kernel: Pair
  readonly stride?: Pair
  readonly padding?: Padding
  readonly dilation?: Pair
  readonly ceil?: boolean
}

/** [OH, OW]: the number of window positions. With `ceil` the last may extend beyond the border. */
export function outputSize(shape: Shape, window: Sliding): [number, number] {
  const [, , height = 1, width = 1] = shape
  const { kernel, stride = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1] } = window
  const along = (size: number, axis: 0 | 1) => {
    const before = padding[2 * axis] ?? 0
    const all = size + before + (padding[2 * axis + 1] ?? 0)
    const room = all - (dilation[axis] * (kernel[axis] - 1) + 1)
    if (!window.ceil) return Math.floor(room / stride[axis]) + 1
    const count = Math.max(Math.ceil(room / stride[axis]) + 1, 0)
    // A window must not start in the padding behind the image.
    return (count - 1) * stride[axis] >= size + before ? count - 1 : count
  }
  return [along(height, 0), along(width, 1)]
}

/** Layouts of images that every op takes. */
export const imageLayouts: readonly string[] = ['abcd', 'acdb', 'aBcd8b', 'aBcd16b']
