/**
 * Statistics of a set of images: the mean image, mean and standard deviation by channel, and the principal
 * components of the colours. Sums are of whole numbers and exact, so the order of images does not matter; each
 * result is rounded once.
 */

import { isJsonObject, type Json } from '../../../util/files/json.ts'
import type { ImageStats } from '../../byte-counts.ts'
import type { ColourVariation, ImageShape } from '../../dataset.ts'
import { symmetricEigen } from './eigen.ts'

/** Gathers statistics image by image. */
export class Statistics {
  readonly #shape: ImageShape
  /** Sum of each byte of an image: below 2^53 for any number of images. */
  readonly #image: Float64Array
  #images = 0
  /** Sums of channel a times channel b, a ≤ b, by row of the triangle. */
  readonly #products: bigint[]

  constructor(shape: ImageShape) {
    this.#shape = shape
    const { height, width, channels } = shape
    this.#image = new Float64Array(height * width * channels)
    this.#products = Array.from({ length: (channels * (channels + 1)) / 2 }, () => 0n)
  }

  /**
   * Adds an image.
   * @param pixels u8 [height, width, channels]
   */
  add(pixels: Uint8Array): void {
    this.#images++
    if (this.#shape.channels === 3) this.#addColours(pixels)
    else this.#addGrey(pixels)
  }

  #addColours(pixels: Uint8Array): void {
    const image = this.#image
    let [rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < pixels.length; i += 3) {
      const r = pixels[i]!
      const g = pixels[i + 1]!
      const b = pixels[i + 2]!
      image[i]! += r
      image[i + 1]! += g
      image[i + 2]! += b
      rr += r * r
      rg += r * g
      rb += r * b
      gg += g * g
      gb += g * b
      bb += b * b
    }
    for (const [i, sum] of [rr, rg, rb, gg, gb, bb].entries()) this.#products[i]! += BigInt(sum)
  }

  #addGrey(pixels: Uint8Array): void {
    const image = this.#image
    let squares = 0
    for (let i = 0; i < pixels.length; i++) {
      const value = pixels[i]!
      image[i]! += value
      squares += value * value
    }
    this.#products[0]! += BigInt(squares)
  }

  /** Mean of the images, 0…255, f32 [height, width, channels]. */
  meanImage(): Float32Array {
    const images = this.#images
    return Float32Array.from(this.#image, (sum) => (images === 0 ? 0 : sum / images))
  }

  /** Mean and standard deviation by channel, as fractions 0…1; 1 is the deviation of a constant channel. */
  stats(): ImageStats {
    const { channels } = this.#shape
    const covariance = this.#covariance()
    const count = this.#pixels()
    const mean = this.#sums().map((sum) => (count === 0n ? 0 : quotient(sum, count) / 255))
    const std = Array.from({ length: channels }, (_, c) => {
      const variance = covariance[c]?.[c] ?? 0
      return variance === 0 ? 1 : Math.sqrt(variance) / 255
    })
    return { mean, std }
  }

  /** Principal components of the colours; undefined for grey images. */
  colours(): ColourVariation | undefined {
    if (this.#shape.channels !== 3) return
    const { values, vectors } = symmetricEigen(this.#covariance())
    return { eigenvalues: values.map((value) => Math.max(0, value)), eigenvectors: vectors }
  }

  #pixels(): bigint {
    return BigInt(this.#images) * BigInt(this.#shape.height * this.#shape.width)
  }

  #sums(): bigint[] {
    const { channels } = this.#shape
    const sums = Array.from({ length: channels }, () => 0n)
    for (const [i, value] of this.#image.entries()) sums[i % channels]! += BigInt(value)
    return sums
  }

  /** E[ab] - E[a]E[b], as (n·Σab - Σa·Σb) / n². */
  #covariance(): number[][] {
    const { channels } = this.#shape
    const count = this.#pixels()
    const sums = this.#sums()
    const rows = Array.from({ length: channels }, () => new Array<number>(channels).fill(0))
    let k = 0
    for (let a = 0; a < channels; a++) {
      for (let b = a; b < channels; b++, k++) {
        const top = count * this.#products[k]! - sums[a]! * sums[b]!
        const value = count === 0n ? 0 : quotient(top, count * count)
        rows[a]![b] = value
        rows[b]![a] = value
      }
    }
    return rows
  }

  /** Forgets all images. */
  reset(): void {
    this.#images = 0
    this.#image.fill(0)
    this.#products.fill(0n)
  }

  /** Saves the sums as JSON, for a run that continues later. */
  save(): Json {
    const { buffer, byteOffset, byteLength } = this.#image
    return {
      images: this.#images,
      image: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
      products: this.#products.map(String)
    }
  }

  /**
   * Restores what `save` gave. Returns false, without a change, if it does not fit.
   * @param count images that it must be of
   */
  restore(saved: Json | undefined, count: number): boolean {
    if (saved === undefined || !isJsonObject(saved)) return false
    const { images, image, products } = saved
    if (images !== count || typeof image !== 'string' || !Array.isArray(products)) return false
    const bytes = Uint8Array.from(Buffer.from(image, 'base64'))
    if (!products.every(isDigits)) return false
    const sums = products.map((product) => BigInt(product))
    if (bytes.length !== this.#image.byteLength || sums.length !== this.#products.length) {
      return false
    }
    const pixels = new Float64Array(bytes.buffer)
    if (!pixels.every((sum) => Number.isSafeInteger(sum) && sum >= 0)) return false
    this.#images = count
    this.#image.set(pixels)
    this.#products.splice(0, sums.length, ...sums)
    return true
  }
}

function isDigits(value: unknown): value is string {
  return typeof value === 'string' && /^\d+$/.test(value)
}

/** a / b as a double: the whole part is exact, then the fraction is added. */
function quotient(a: bigint, b: bigint): number {
  const whole = a / b
  const scale = 1n << 53n
  return Number(whole) + Number(((a - whole * b) * scale) / b) / Number(scale)
}
