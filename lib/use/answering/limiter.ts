/** Lets a few things happen at once; the others wait in order. */
export class Limiter {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param most how many at once */
  constructor(most: number) {
    this.#free = most
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((go) => this.#waiting.push(go))
    try {
      return await work()
    } finally {
      // The place goes to the next, or is free.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
