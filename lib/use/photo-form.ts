import type { ImageSet } from '../data/dataset.ts'
import type { OpenDataOptions } from '../data/open.ts'

/** How pictures are prepared to be like the images that a net was trained on: for `openData`'s option `photos`. */
export function photosOf({
  height,
  width,
  fit,
  filter
}: Pick<ImageSet, 'height' | 'width' | 'fit' | 'filter'>): NonNullable<OpenDataOptions['photos']> {
  return {
    ...(height === width && { size: height }),
    ...(fit === 'warp' && { fit }),
    ...(filter === 'bilinear' && { filter })
  }
}
