/** Mean and standard deviation of images, from counts of byte values. */
import { checkArguments } from '../util/check/check.ts'
import { typed, whole } from '../util/check/rules.ts'

/** Mean and standard deviation of images. */
export interface ImageStats {
  /** Mean by channel, as a fraction 0…1 of 255. */
  readonly mean: readonly number[]
  /** Standard deviation by channel, as a fraction 0…1 of 255; 1 for a channel that never varies. */
  readonly std: readonly number[]
}

/**
 * Computes mean and standard deviation of images in one pass, exactly.
 *
 * @param images u8 [..., channel]
 * @param channels number of channels. Default 1
 * @throws RangeError for anything but bytes, and for channels that are no whole number from 1
 *
 * @example
 * const { mean, std } = imageStats(images, 3)
 */
export function imageStats(images: Uint8Array, channels = 1): ImageStats {
  checkArguments('data', {
    images: [images, typed('Uint8Array')],
    channels: [channels, whole({ from: 1 })]
  })
  const counts = new ByteCounts(channels)
  counts.add(images)
  return counts.stats()
}

/** Counts byte values by channel, and computes mean and standard deviation from the counts. */
export class ByteCounts {
  readonly #counts: Float64Array
  readonly #channels: number

  constructor(channels: number) {
    this.#channels = channels
    this.#counts = new Float64Array(256 * channels)
  }

  /** Counts whole pixels, u8 [..., channel]. */
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

  /** Statistics of all bytes so far. */
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
