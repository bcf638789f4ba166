import type { Stream } from '../../engine/stream.ts'
import type { Net } from '../../net/net.ts'

/**
 * Adds up for how long a device of a group computes nothing, since other processes are not ready: its stream waits for
 * sums, or no step is queued as the processes have not agreed on it. A sum that travels beside the backward pass costs
 * nothing, and does not count.
 */
export class GroupWaits {
  readonly #streams: readonly Stream[]
  /** Milliseconds that the streams had waited at the last `take`. */
  #before: number
  /** Milliseconds without a step since then. */
  #idle = 0

  private constructor(streams: readonly Stream[]) {
    this.#streams = streams
    this.#before = this.#waited
  }

  /** @returns undefined for one process alone, and on GPUs, whose waits nothing measures */
  static of({ placement }: Net): GroupWaits | undefined {
    const streams = placement.parts.map(({ stream }) => stream)
    if (!placement.group || streams.some(({ waited }) => waited === undefined)) return undefined
    return new GroupWaits(streams)
  }

  /** The mean of the devices. */
  get #waited(): number {
    return this.#streams.reduce((sum, { waited = 0 }) => sum + waited, 0) / this.#streams.length
  }

  /** Counts time in which the devices had nothing to do. */
  addIdle(ms: number): void {
    this.#idle += Math.max(0, ms)
  }

  /** @returns seconds since the last call */
  take(): number {
    const waited = this.#waited
    const seconds = (waited - this.#before + this.#idle) / 1000
    this.#before = waited
    this.#idle = 0
    return seconds
  }
}
