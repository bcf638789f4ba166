/**
 * `shapes`, a generated data set. Ten classes of figures at random places, sizes, angles and contrasts, with
 * textures, occlusion and noise: no single pixel tells the class. Image i of a split depends only on the seed, the
 * split and i.
 */
import { setImmediate } from 'node:timers/promises'
import { checkOptions } from '../../util/check/check.ts'
import { seed as aSeed, maybe, oneOf, record, whole } from '../../util/check/rules.ts'
import { Random } from '../../util/random.ts'
import { ByteCounts } from '../byte-counts.ts'
import { checkRead } from '../check.ts'
import { DataError, type Dataset, type ImageSet } from '../dataset.ts'
import { figures } from './figures.ts'
import { randomTexture } from './texture.ts'

/** Options of `shapes`. */
export interface ShapesOptions {
  /** 1 (grey, the default) or 3 (red, green, blue). */
  readonly channels?: number
  /** Rows and columns of an image, from 16. Default 28. */
  readonly size?: number
  /** Number of training images. Default 60,000. */
  readonly train?: number
  /** Number of test images. Default 10,000. */
  readonly test?: number
  /** Seed of all images, a whole number from 0 to 2^53 - 1. Default 1. */
  readonly seed?: number
}

const MIN_SIZE = 16
export const shapesRule = record<ShapesOptions>({
  channels: maybe(oneOf(1, 3)),
  size: maybe(whole({ from: MIN_SIZE })),
  train: maybe(whole({ from: 1 })),
  test: maybe(whole({ from: 1 })),
  seed: maybe(aSeed)
})
/** Milliseconds of drawing between two turns of the event loop. */
const TURN_MS = 4
/** Statistics come from this many images of at most this size; size hardly changes them. */
const SAMPLE = 256
const SAMPLE_SIZE = 28
/** Sum of four random bytes: nearly normal, with mean 510 and standard deviation 147.8. */
const BYTES_MEAN = 510
const BYTES_STD = Math.sqrt((4 * (256 * 256 - 1)) / 12)

const classes: readonly string[] = figures.map(([name]) => name)

/**
 * Makes the generated data set `shapes`: u8 images [size, size, channels] of ten classes, for trials without a
 * network. Images are drawn each time they are read, about 0.1 ms each at 28×28.
 *
 * @throws DataError for a size below 16, channels other than 1 and 3, and counts below 1
 *
 * @example
 * const data = shapes({ channels: 3, size: 32, seed: 7 })
 */
export function shapes(options: ShapesOptions = {}): Dataset {
  checkOptions('shapes', options, shapesRule, DataError)
  const { channels = 1, size = 28, train = 60_000, test = 10_000, seed = 1 } = options
  const stats = sampleStats(seed, channels, Math.min(size, SAMPLE_SIZE))
  const split = (name: string, length: number): ImageSet => {
    const random = new Random({ seed, purpose: `shapes/${name}` })
    const bytes = size * size * channels
    return {
      length,
      height: size,
      width: size,
      channels,
      classes,
      ...stats,
      async read(indices, images, labels) {
        checkRead(this, indices, images, labels)
        let turn = performance.now()
        for (let i = 0; i < indices.length; i++) {
          random.restart(indices[i]!)
          labels[i] = draw(random, size, channels, images.subarray(i * bytes, (i + 1) * bytes))
          if (performance.now() - turn < TURN_MS) continue
          await setImmediate()
          turn = performance.now()
        }
      }
    }
  }
  return {
    name: 'shapes',
    source: `generated (seed ${seed})`,
    classes,
    ...stats,
    train: split('train', train),
    test: split('test', test)
  }
}

function sampleStats(seed: number, channels: number, size: number) {
  const random = new Random({ seed, purpose: 'shapes/train' })
  const image = new Uint8Array(size * size * channels)
  const counts = new ByteCounts(channels)
  for (let i = 0; i < SAMPLE; i++) {
    random.restart(i)
    draw(random, size, channels, image)
    counts.add(image)
  }
  return counts.stats()
}

/** Draws one image, [row, column, channel], and returns its label. */
function draw(random: Random, size: number, channels: number, image: Uint8Array): number {
  const label = random.integer(figures.length)
  const figure = figures[label]![1]

  // Radius and centre such that most of the figure is in the picture.
  const radius = random.uniform(0.6, 0.9)
  const reach = 1.05 - radius
  const centreX = random.uniform(-reach, reach)
  const centreY = random.uniform(-reach, reach)
  // Rotated by up to 31 degrees either way (tangent 0.6).
  const tilt = random.uniform(-0.6, 0.6)
  const cosine = 1 / Math.sqrt(1 + tilt * tilt)
  const sine = tilt * cosine
  const ux = cosine / radius
  const uy = sine / radius

  // Ground and figure differ by `contrast`; which one is lighter is random.
  const contrast = random.uniform(0.35, 0.7)
  const dark = random.uniform(0.1, 0.9 - contrast)
  const light = random.chance()
  const ground = colour(random, channels, light ? dark : dark + contrast)
  const ink = colour(random, channels, light ? dark + contrast : dark)
  const groundTexture = randomTexture(random)
  const groundDepth = random.uniform(0, 0.12)
  const inkTexture = randomTexture(random)
  const inkDepth = random.uniform(0, 0.12)

  // Occlusion: a stripe across the picture, a spot, or nothing.
  const cover = random.integer(3)
  const [coverX, coverY] = random.direction()
  const coverAt = random.uniform(-0.6, 0.6)
  const spotY = random.uniform(-0.6, 0.6)
  const coverSize = cover === 1 ? random.uniform(0.04, 0.1) : random.uniform(0.1, 0.22)
  const coverInk = colour(random, channels, random.uniform())

  const noise = (255 * random.uniform(0.02, 0.08)) / BYTES_STD
  const pixel = 2 / size
  const out = new Uint8ClampedArray(image.buffer, image.byteOffset, image.length)
  let at = 0
  for (let row = 0; row < size; row++) {
    const y = (row + 0.5) * pixel - 1
    for (let column = 0; column < size; column++) {
      const x = (column + 0.5) * pixel - 1
      const fx = x - centreX
      const fy = y - centreY
      const inside = cut(0.5 - (figure(ux * fx + uy * fy, ux * fy - uy * fx) * radius) / pixel)
      const behind = groundDepth * groundTexture(x, y)
      const shade = inside === 0 ? behind : behind + inside * (inkDepth * inkTexture(x, y) - behind)
      let covered = 0
      if (cover === 1) {
        covered = cut(0.5 + (coverSize - Math.abs(coverX * x + coverY * y - coverAt)) / pixel)
      } else if (cover === 2) {
        const sx = x - coverAt
        const sy = y - spotY
        covered = cut(0.5 + (coverSize - Math.sqrt(sx * sx + sy * sy)) / pixel)
      }
      for (let channel = 0; channel < channels; channel++) {
        const back = ground[channel]!
        let value = back + inside * (ink[channel]! - back) + shade
        value += covered * (coverInk[channel]! - value)
        const word = random.word()
        const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24)
        out[at++] = 255 * value + noise * (sum - BYTES_MEAN)
      }
    }
  }
  return label
}

/** A grey value, or a colour of about that brightness. */
function colour(random: Random, channels: number, grey: number): number[] {
  if (channels === 1) return [grey]
  return Array.from({ length: channels }, () => grey + random.uniform(-0.15, 0.15))
}

function cut(value: number): number {
  return Math.max(0, Math.min(1, value))
}
