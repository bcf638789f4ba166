/** Measures the share of time in which the device waits for images. */

/** From this share on, training is loader-bound. */
const BOUND = 0.1
/** Steps before it is reported: the first ones fill caches. */
const SETTLED = 20

export class Waiting {
  #share = 0
  #steps = 0
  #reported = false

  /** Counts a step that waited for some of its seconds. */
  add(waited: number, seconds: number): void {
    const now = seconds > 0 ? Math.min(1, waited / seconds) : 0
    this.#steps++
    // The first step's images could not be loaded during a step before it.
    if (this.#steps > 1) this.#share += (now - this.#share) * Math.max(0.1, 1 / this.#steps)
  }

  /** For the progress line; empty where training is not loader-bound. */
  get text(): string {
    return this.#share < BOUND ? '' : `  loader-bound ${percent(this.#share)}`
  }

  /** Says once that training is loader-bound, and what helps. */
  advice(): string | undefined {
    if (this.#reported || this.#steps < SETTLED || this.#share < BOUND) return
    this.#reported = true
    return (
      `The device waits ${percent(this.#share)} of the time for images: loading them limits the speed. ` +
      'Prepare the images as raw bytes (alexnode prepare --store raw), keep them on a faster disk, or ' +
      'load them on more threads (--workers).'
    )
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
