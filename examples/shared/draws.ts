/** Images drawn at random, with replacement: some come twice, others never. */
import type { ImageSet } from 'alexnode'
import { subset } from 'alexnode/data'

/**
 * Draws images of a set, without its statistics: pixels are divided by 255 alone.
 *
 * @param count how many
 * @param seed decides which; a whole number
 */
export function draw(set: ImageSet, count: number, seed: number): ImageSet {
  const random = mulberry32(seed)
  const numbers = Uint32Array.from({ length: count }, () => Math.floor(random() * set.length))
  return { ...subset(set, numbers), ...plain(set) }
}

/** The statistics that leave pixels from 0 to 1 as they are. */
export function plain({ channels }: Pick<ImageSet, 'channels'>): Pick<ImageSet, 'mean' | 'std'> {
  return { mean: new Array(channels).fill(0), std: new Array(channels).fill(1) }
}

/** Numbers from 0 to 1, by T. Ettinger's mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
