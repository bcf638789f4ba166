/** Joins single pictures into batches. */
import type { Queued } from './classifier.ts'

/** What computes batches. */
export interface BatchQueue {
  readonly batch: number
  queue(pictures: readonly Uint8Array[]): Promise<Queued>
}

export interface BatcherOptions {
  /** Longest time in milliseconds that a picture waits for others while the device is free. */
  readonly waitMs: number
  /** Is told the size of each batch. */
  readonly onBatch?: (pictures: number) => void
}

interface Waiting {
  readonly picture: Uint8Array
  readonly since: number
  readonly signal: AbortSignal
  readonly resolve: (probabilities: Float32Array) => void
  readonly reject: (error: unknown) => void
}

/** One batch computes while the next is staged. */
const IN_FLIGHT = 2

/**
 * Joins pictures that come together: a batch starts when it is full, or when its first picture has waited long enough
 * and nothing else is computed.
 */
export class Batcher {
  readonly #device: BatchQueue
  readonly #options: BatcherOptions
  readonly #waiting: Waiting[] = []
  #inFlight = 0
  #isStaging = false
  #timer: NodeJS.Timeout | undefined
  #error: unknown

  constructor(device: BatchQueue, options: BatcherOptions) {
    this.#device = device
    this.#options = options
  }

  /** What the last batch failed with; undefined if it did not. */
  get error(): unknown {
    return this.#error
  }

  /**
   * The probabilities of a picture's classes: f32 [classes].
   * @param signal drops the picture, unless its batch has begun
   */
  classify(picture: Uint8Array, signal: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ picture, signal, resolve, reject, since: performance.now() })
      this.#pump()
    })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    if (this.#isStaging || this.#inFlight >= IN_FLIGHT) return
    const [first] = this.#waiting
    if (!first) return
    if (this.#waiting.length < this.#device.batch) {
      // More may come while the device is busy.
      if (this.#inFlight > 0) return
      const left = first.since + this.#options.waitMs - performance.now()
      if (left > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(left))
        return
      }
    }
    const batch = this.#takeBatch()
    if (batch.length > 0) void this.#run(batch)
  }

  /** The next pictures that somebody still waits for. */
  #takeBatch(): readonly Waiting[] {
    const batch: Waiting[] = []
    while (batch.length < this.#device.batch) {
      const next = this.#waiting.shift()
      if (!next) break
      if (next.signal.aborted) next.reject(next.signal.reason)
      else batch.push(next)
    }
    return batch
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight++
    this.#isStaging = true
    try {
      this.#options.onBatch?.(batch.length)
      const { done } = await this.#device.queue(batch.map(({ picture }) => picture)).finally(() => {
        this.#isStaging = false
      })
      this.#pump()
      const rows = await done
      this.#error = undefined
      for (const [i, { resolve, reject }] of batch.entries()) {
        const row = rows[i]
        if (row) resolve(row)
        else reject(new Error('[serve] expected a row for each picture'))
      }
    } catch (error) {
      this.#error = error
      for (const { reject } of batch) reject(error)
    } finally {
      this.#inFlight--
      this.#pump()
    }
  }
}
