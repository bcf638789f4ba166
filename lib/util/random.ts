/**
 * Counter-based random numbers. A number depends only on a seed, a purpose and an index, so results are the same
 * in any order, on any device, and after a resume.
 *
 * Arithmetic is on integers or single IEEE operations, without library sines or logarithms: every JavaScript engine
 * gives the same bits.
 */
import { philoxInto, type Words2 } from './philox.ts'

/** A random word as a fraction in [0, 1): its upper 24 bits, exact in f32 too. */
export function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24
}

/** 32-bit FNV-1a hash of a text's UTF-8 bytes. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/**
 * Splits a seed or index into two 32-bit words, the low one first.
 *
 * @param what names the value in the error
 * @throws RangeError unless `value` is a whole number from 0 to 2^53 - 1
 */
export function toWords(value: number, what = 'seed'): [number, number] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `[random] expected ${what} to be a whole number from 0 to 2^53 - 1, got ${value}`
    )
  }
  return [value >>> 0, Math.floor(value / 2 ** 32)]
}

/** Start of a stream of random numbers. */
export interface RandomOptions {
  /** Seed, a whole number from 0 to 2^53 - 1. */
  readonly seed: number
  /** Use of the numbers: streams of different purposes are independent. Default ''. */
  readonly purpose?: string
  /** Number of the stream within its purpose, 0 to 2^53 - 1. Default 0. */
  readonly index?: number
}

/**
 * A stream of random numbers: Philox4x32-10 with the key `seed` and the counters (0, 1, 2, …; index low; index
 * high; FNV-1a of the purpose).
 *
 * @example
 * const random = new Random({ seed: 1, purpose: 'crop', index: 42 })
 * const left = random.integer(32)
 */
export class Random {
  readonly #words = new Uint32Array(4)
  readonly #key: Words2
  readonly #purpose: number
  #index: Words2
  #block = 0
  #used = 4

  /** @throws RangeError for a seed or index that is no whole number from 0 to 2^53 - 1 */
  constructor({ seed, purpose = '', index = 0 }: RandomOptions) {
    this.#key = toWords(seed)
    this.#purpose = fnv1a(purpose)
    this.#index = toWords(index, 'index')
  }

  /** Continues at the start of stream `index` of the same seed and purpose. */
  restart(index: number): void {
    this.#index = toWords(index, 'index')
    this.#block = 0
    this.#used = 4
  }

  /** The next word, a whole number from 0 to 2^32 - 1. */
  word(): number {
    if (this.#used === 4) {
      const [low, high] = this.#index
      const [k0, k1] = this.#key
      philoxInto(this.#words, this.#block++, low, high, this.#purpose, k0, k1)
      this.#used = 0
    }
    return this.#words[this.#used++]!
  }

  /** Uniform in [low, high), in steps of (high - low) / 2^24. Defaults: [0, 1). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * toUniform(this.word())
  }

  /** True with this probability. Default 0.5. */
  chance(probability = 0.5): boolean {
    return toUniform(this.word()) < probability
  }

  /**
   * A uniform whole number from 0 to `below` - 1.
   * @throws RangeError unless `below` is a whole number from 1 to 2^32
   */
  integer(below: number): number {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
      throw new RangeError(`[random] expected a whole number from 1 to 2^32, got ${below}`)
    }
    // Words at or above the largest multiple of `below` would favour the small remainders.
    const limit = 2 ** 32 - (2 ** 32 % below)
    for (;;) {
      const word = this.word()
      if (word < limit) return word % below
    }
  }

  /** A uniform point on the unit circle: [cosine, sine] of a random angle. */
  direction(): [number, number] {
    for (;;) {
      const x = this.uniform(-1, 1)
      const y = this.uniform(-1, 1)
      const square = x * x + y * y
      if (square > 1 || square < 1e-4) continue
      const length = Math.sqrt(square)
      return [x / length, y / length]
    }
  }
}

/**
 * The order in which an epoch visits `n` samples: a random permutation of 0…n-1. It
 * depends only on n, seed and epoch.
 *
 * @throws RangeError unless n is a whole number from 0 to 2^32 - 1
 *
 * @example
 * const order = permutation(60_000, 1, epoch)
 */
export function permutation(n: number, seed: number, epoch: number): Uint32Array {
  if (!Number.isInteger(n) || n < 0 || n >= 2 ** 32) {
    throw new RangeError(`[random] expected n to be a whole number from 0 to 2^32 - 1, got ${n}`)
  }
  const random = new Random({ seed, purpose: 'permutation', index: epoch })
  const order = new Uint32Array(n)
  for (let i = 0; i < n; i++) order[i] = i
  return shuffle(order, random)
}

/**
 * Draws `count` numbers from 0 to n - 1 with replacement, and shuffles them. They depend only on n, count, seed and
 * group.
 *
 * @throws RangeError unless n is a whole number from 1 to 2^32
 */
export function drawn(n: number, count: number, seed: number, group = 0): Uint32Array {
  const random = new Random({ seed, purpose: 'replacement', index: group })
  const numbers = new Uint32Array(count)
  for (let i = 0; i < count; i++) numbers[i] = random.integer(n)
  return shuffle(numbers, random)
}

/** Shuffles in place, by Fisher and Yates. */
function shuffle(order: Uint32Array, random: Random): Uint32Array {
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    const value = order[i]!
    order[i] = order[j]!
    order[j] = value
  }
  return order
}
