import { permutation } from '../../util/random.ts'

/** A place in the order of images. */
export interface Place {
  /** Whole epochs done. */
  readonly epoch: number
  /** Images of this epoch that were seen. */
  readonly position: number
}

/** Which images come when: each epoch a permutation of its own, by seed and epoch alone. */
export class Order {
  readonly #length: number
  readonly #batch: number
  readonly #seed: number
  #epoch: number
  #position: number
  #permutation: Uint32Array

  /** @param from where a run stands that goes on */
  constructor(length: number, batch: number, seed: number, from?: Place) {
    this.#length = length
    this.#batch = batch
    this.#seed = seed
    this.#epoch = from?.epoch ?? 0
    this.#position = from?.position ?? 0
    this.#permutation = permutation(length, seed, this.#epoch)
  }

  get state(): Place {
    return { epoch: this.#epoch, position: this.#position }
  }

  /** Numbers of the next images: a batch, or what is left of the epoch. */
  peek(): Uint32Array {
    const end = Math.min(this.#position + this.#batch, this.#length)
    return this.#permutation.slice(this.#position, end)
  }

  /** Those of `peek`; the ones after them are next. */
  next(): Uint32Array {
    const indices = this.peek()
    this.#position += indices.length
    if (this.#position === this.#length) {
      this.#epoch++
      this.#position = 0
      this.#permutation = permutation(this.#length, this.#seed, this.#epoch)
    }
    return indices
  }
}
