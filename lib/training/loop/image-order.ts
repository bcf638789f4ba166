import { permutation } from '../../util/random.ts'

/** A position in the order of images. */
export interface ImagePosition {
  /** Whole epochs done. */
  readonly epoch: number
  /** Images of this epoch that were seen. */
  readonly position: number
}

/** Options of `ImageOrder`. */
export interface OrderOptions {
  /** Images of each epoch; the last ones of its permutation are left out. Default: all. */
  readonly used?: number
  /** The position of a run that is resumed. */
  readonly from?: ImagePosition
}

/** The order of images: each epoch is a permutation that depends on seed and epoch alone. */
export class ImageOrder {
  readonly #length: number
  readonly #used: number
  readonly #batch: number
  readonly #seed: number
  #epoch: number
  #position: number
  #permutation: Uint32Array

  constructor(length: number, batch: number, seed: number, options: OrderOptions = {}) {
    const { used = length, from } = options
    this.#length = length
    this.#used = used
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
    const end = Math.min(this.#position + this.#batch, this.#used)
    return this.#permutation.slice(this.#position, end)
  }

  /** Returns what `peek` does, and moves on. */
  next(): Uint32Array {
    const indices = this.peek()
    this.#position += indices.length
    if (this.#position >= this.#used) {
      this.#epoch++
      this.#position = 0
      this.#permutation = permutation(this.#length, this.#seed, this.#epoch)
    }
    return indices
  }
}
