/** Mean and standard deviation of images, from counts of byte values. */

/** Mean and standard deviation of each channel, as fractions 0…1. */
export interface ImageStats {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * Mean and standard deviation of bytes in one pass, [..., channel] order, as fractions 0…1.
 * Exact: counts bytes first. A channel that never varies gets the standard deviation 1, so that
 * dividing by it is safe.
 */
export function imageStats(images: Uint8Array, channels = 1): ImageStats {
  const counts = new ByteCounts(channels)
  counts.add(images)
  return counts.stats()
}

/** How often each byte value occurs in each channel; from it, mean and standard deviation. */
export class ByteCounts {
  readonly #counts: Float64Array
  readonly #channels: number

  constructor(channels: number) {
    this.#channels = channels
    this.#counts = new Float64Array(256 * channels)
  }

  /** Counts whole pixels: bytes in [..., channel] order. */
  add(bytes: Uint8Array): void {
    const counts = this.#counts
    const channels = this.#channels
    if (channels === 1) {
      for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++
      return
    }
    for (let i = 0, channel = 0; i < bytes.length; i++) {
      counts[channel * 256 + bytes[i]!]!++
      if (++channel === channels) channel = 0
    }
  }

  stats(): ImageStats {
    const mean: number[] = []
    const std: number[] = []
    for (let channel = 0; channel < this.#channels; channel++) {
      let n = 0
      let sum = 0
      let squares = 0
      for (let value = 0; value < 256; value++) {
        const count = this.#counts[channel * 256 + value]!
        n += count
        sum += count * value
        squares += count * value * value
      }
      const average = n === 0 ? 0 : sum / n
      const variance = n === 0 ? 0 : Math.max(0, squares / n - average * average)
      mean.push(average / 255)
      std.push(variance === 0 ? 1 : Math.sqrt(variance) / 255)
    }
    return { mean, std }
  }
}
