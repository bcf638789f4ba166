import { permutation } from '../../util/random.ts'

/** A position in the order of images. */
export interface ImagePosition {
  /** Whole epochs done. */
  readonly epoch: number
  /** Images of this epoch that were seen. */
  readonly position: number
}

/** The order of images: each epoch is a permutation that depends on seed and epoch alone. */
export class ImageOrder {
  readonly #length: number
  readonly #batch: number
  readonly #seed: number
  #epoch: number
  #position: number
  #permutation: Uint32Array

  /** @param from the position of a run that is resumed */
  constructor(length: number, batch: number, seed: number, from?: ImagePosition) {
    this.#length = length
    this.#batch = batch
    this.#seed = seed
    this.#epoch = from?.epoch ?? 0
    this.#position = from?.position ?? 0
    this.#permutation = permutation(length, seed, this.#epoch)
  }

  get state(): ImagePosition {
    return { epoch: this.#epoch, position: this.#position }
  }

  /** True between two epochs. */
  get epochEnds(): boolean {
    return this.#position === 0
  }

  /** Numbers of the next images: a batch, or the rest of the epoch. */
  peek(): Uint32Array {
    const end = Math.min(this.#position + this.#batch, this.#length)
    return this.#permutation.slice(this.#position, end)
  }

  /** Returns what `peek` does, and moves on. */
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
