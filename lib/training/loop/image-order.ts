import { drawn, permutation } from '../../util/random.ts'
import type { Sampling } from './sampling.ts'

/** A position in the order of images. */
export interface ImagePosition {
  /** Whole epochs done. */
  readonly epoch: number
  /** Images of this epoch that were seen. */
  readonly position: number
}

/** Where and how an order begins. */
export interface ImageOrderOptions {
  /** Images of the set, from 1. */
  readonly length: number
  /** Images of an update, from 1. */
  readonly batch: number
  readonly seed: number
  /** Default: permutations whose last batch is smaller. */
  readonly sampling?: Sampling | undefined
  /** Images at the end of each permutation or group that are left out. Default 0. */
  readonly leave?: number
  /** The position of a run that is resumed. Default: the start. */
  readonly from?: ImagePosition | undefined
}

/** The order in which training visits images. It depends on seed and position alone. */
export class ImageOrder {
  /** Images of an epoch. */
  readonly epochLength: number
  /** Updates of an epoch; not whole if batches go across the end of epochs. */
  readonly perEpoch: number
  readonly #length: number
  readonly #batch: number
  readonly #seed: number
  /** Images that are drawn together: an epoch, or a group. */
  readonly #together: number
  /** Those of them that are used. */
  readonly #group: number
  readonly #replacement: boolean
  readonly #across: boolean
  #at: ImagePosition
  #drawn: { readonly index: number; readonly numbers: Uint32Array } | undefined

  constructor(options: ImageOrderOptions) {
    const { length, batch, seed, sampling = { form: 'permutation' } } = options
    const { leave = 0, from = { epoch: 0, position: 0 } } = options
    this.#length = length
    this.#batch = batch
    this.#seed = seed
    this.#replacement = sampling.form === 'replacement'
    this.#together = sampling.form === 'replacement' ? sampling.group : length
    this.#group = this.#together - leave
    this.#across = sampling.form === 'permutation' && sampling.across === true
    const groups = Math.max(1, Math.floor(length / this.#together))
    this.epochLength = groups * this.#group
    this.perEpoch = this.#across ? length / batch : groups * Math.ceil(this.#group / batch)
    this.#at = { epoch: from.epoch, position: from.position }
  }

  get state(): ImagePosition {
    return this.#at
  }

  /** True if the last batch ended an epoch. */
  get epochEnds(): boolean {
    return this.#at.position < Math.min(this.#batch, this.#group)
  }

  /** Numbers of the next images: a batch, or the rest of what is drawn together. */
  peek(): Uint32Array {
    if (!this.#across) return this.#rest(this.#at, this.#batch).slice()
    const numbers = new Uint32Array(this.#batch)
    let at = this.#at
    for (let filled = 0; filled < numbers.length; ) {
      const piece = this.#rest(at, numbers.length - filled)
      numbers.set(piece, filled)
      filled += piece.length
      at = this.#after(at, piece.length)
    }
    return numbers
  }

  /** Returns what `peek` does, and moves on. */
  next(): Uint32Array {
    const numbers = this.peek()
    this.#at = this.#after(this.#at, numbers.length)
    return numbers
  }

  /** Moves to where a new run is after so many steps. */
  skip(steps: number): void {
    const perGroup = Math.ceil(this.#group / this.#batch)
    const groups = Math.floor(steps / perGroup)
    const seen = groups * this.#group + (steps - groups * perGroup) * this.#batch
    this.#at = this.#after({ epoch: 0, position: 0 }, this.#across ? steps * this.#batch : seen)
  }

  /** At most so many images from a position on, of those that are drawn together. */
  #rest({ epoch, position }: ImagePosition, most: number): Uint32Array {
    const group = Math.floor(position / this.#group)
    const index = epoch * (this.epochLength / this.#group) + group
    if (this.#drawn?.index !== index) this.#drawn = { index, numbers: this.#draw(index) }
    const from = position - group * this.#group
    return this.#drawn.numbers.subarray(from, Math.min(from + most, this.#group))
  }

  #draw(index: number): Uint32Array {
    if (!this.#replacement) return permutation(this.#length, this.#seed, index)
    return drawn(this.#length, this.#together, this.#seed, index)
  }

  #after({ epoch, position }: ImagePosition, count: number): ImagePosition {
    const seen = position + count
    const epochs = Math.floor(seen / this.epochLength)
    return { epoch: epoch + epochs, position: seen - epochs * this.epochLength }
  }
}

/** Images that are drawn together and end in a smaller batch; 0 if no batch is smaller. */
export function togetherOf(length: number, sampling: Sampling | undefined): number {
  if (sampling?.form === 'replacement') return sampling.group
  return sampling?.across ? 0 : length
}
