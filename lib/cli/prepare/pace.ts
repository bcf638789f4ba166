/** Images per second and the time to go, for a progress line. */
import { duration, pace } from '../shared/format.ts'

export class ImagePace {
  #start: { readonly time: number; readonly done: number } | undefined

  /** The pace since the first call, whose own images took an unknown time; empty before the second. */
  text(done: number, total: number): string {
    const time = performance.now()
    this.#start ??= { time, done }
    const seconds = Math.max(1, time - this.#start.time) / 1000
    const rate = (done - this.#start.done) / seconds
    return rate > 0 ? `${pace(rate)} images/s  ETA ${duration((total - done) / rate)}` : ''
  }
}
