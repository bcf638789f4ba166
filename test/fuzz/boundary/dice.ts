/** Draws from a seed and a number, the same on every machine. */
import { Random } from '../../../lib/util/random.ts'

export class Dice {
  readonly #random: Random

  constructor(seed: number, number: number) {
    this.#random = new Random({ seed, purpose: 'boundary', index: number })
  }

  /** A whole number from 0 and below `end`. */
  below(end: number): number {
    return this.#random.integer(end)
  }

  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
