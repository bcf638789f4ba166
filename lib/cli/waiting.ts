/** Whether the images come fast enough: the share of time in which the device waits for them. */

/** From this share on, the pace is the loader's. */
const BOUND = 0.1
/** Steps before it is told to a person: the first ones fill caches. */
const SETTLED = 20

export class Waiting {
  #share = 0
  #steps = 0
  #told = false

  /** Counts a step: seconds that it waited, of the seconds that it took. */
  add(waited: number, seconds: number): void {
    const now = seconds > 0 ? Math.min(1, waited / seconds) : 0
    this.#steps++
    // The first step has nothing before it that could hide the wait.
    if (this.#steps > 1) this.#share += (now - this.#share) * Math.max(0.1, 1 / this.#steps)
  }

  /** For the progress line: nothing while the net sets the pace. */
  get text(): string {
    return this.#share < BOUND ? '' : `  loader-bound ${percent(this.#share)}`
  }

  /** Once, where the loader sets the pace: what mends that. */
  advice(): string | undefined {
    if (this.#told || this.#steps < SETTLED || this.#share < BOUND) return
    this.#told = true
    return (
      `The device waits ${percent(this.#share)} of the time for images: the loader sets the pace, not ` +
      'the net. Prepare the images as raw bytes (alexnode prepare --store raw), keep them on a faster ' +
      'disk, or give the loader more threads (--workers).'
    )
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
