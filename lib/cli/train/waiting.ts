/** Measures the shares of time in which the device waits: for images, and for other processes. */

/** From this share on, training is loader-bound. */
const BOUND = 0.1
/** Steps before it is reported: the first ones fill caches. */
const SETTLED = 20

/** A share of the time of steps; recent ones weigh more. */
class Share {
  value = 0
  steps = 0

  add(waited: number, seconds: number): void {
    const now = seconds > 0 ? Math.min(1, waited / seconds) : 0
    this.steps++
    // Nothing could be made ready for the first step during a step before it.
    if (this.steps > 1) this.value += (now - this.value) * Math.max(0.1, 1 / this.steps)
  }

  get text(): string {
    return `${Math.round(this.value * 100)} %`
  }
}

/** What a step waited for, in seconds. */
export interface Waits {
  /** For images. */
  readonly waited: number
  /** For other processes; undefined for one alone. */
  readonly waitedForRanks?: number
}

export class Waiting {
  readonly #images = new Share()
  readonly #ranks = new Share()
  #together = false
  #reported = false

  /** Counts a step of so many seconds. */
  add({ waited, waitedForRanks }: Waits, seconds: number): void {
    this.#images.add(waited, seconds)
    if (waitedForRanks === undefined) return
    this.#together = true
    this.#ranks.add(waitedForRanks, seconds)
  }

  /** For the progress line, which has room for one of them; empty where there is nothing to tell. */
  get text(): string {
    if (this.#together) return `  waiting ${this.#ranks.text}`
    return this.#images.value < BOUND ? '' : `  loader-bound ${this.#images.text}`
  }

  /** Says once that training is loader-bound, and what helps. */
  advice(): string | undefined {
    const { steps, value, text } = this.#images
    if (this.#reported || steps < SETTLED || value < BOUND) return
    this.#reported = true
    return (
      `The device waits ${text} of the time for images: loading them limits the speed. ` +
      'Prepare the images as raw bytes (alexnode prepare --store raw), keep them on a faster disk, or ' +
      'load them on more threads (--workers).'
    )
  }
}
