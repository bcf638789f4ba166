/** The learning rate that schedules are factors on, and how it is changed while a run goes on. */
import { requireNumber } from '../../util/require.ts'

/** A change of the rate, kept with the run so that it is made again when the run goes on from before it. */
export interface RateChange {
  /** The first step that has it, from 1. */
  readonly step: number
  /** The rates before and after, without what a schedule makes of them. */
  readonly old: number
  readonly lr: number
}

/** Decides the rate while a run goes on. */
export interface RateControl {
  /**
   * The rate that is wanted from here on; undefined where nobody has said one. Asked before each step is sent, so
   * it answers at once, from what it knows.
   *
   * @param step steps sent so far
   */
  wanted(step: number): number | undefined
  /** Told of each change. The first step that has it is sent when this is done: it can be put on record before. */
  onChange?(change: RateChange): void | Promise<void>
}

/** The rate of a run from step to step. */
export class LiveRate {
  readonly #control: RateControl | undefined
  #lr: number
  #changes: readonly RateChange[]

  /**
   * @param lr the rate at the start
   * @param from the changes that a run was saved with: the last one's rate holds
   */
  constructor(lr: number, control: RateControl | undefined, from: readonly RateChange[] = []) {
    this.#control = control
    this.#lr = from.at(-1)?.lr ?? lr
    this.#changes = from
  }

  get lr(): number {
    return this.#lr
  }

  /** For what is saved: the changes so far, where there are some. */
  get state(): { readonly rates?: readonly RateChange[] } {
    return this.#changes.length > 0 ? { rates: this.#changes } : {}
  }

  /**
   * Changes the rate for the next step, where that is wanted.
   * @param sent steps sent so far
   * @throws Error where a rate is wanted that is no number from 0
   */
  async follow(sent: number): Promise<RateChange | undefined> {
    const lr = this.#control?.wanted(sent)
    if (lr === undefined || lr === this.#lr) return undefined
    requireNumber('lr, as control wants it', lr, 0)
    const change = { step: sent + 1, old: this.#lr, lr }
    await this.#control?.onChange?.(change)
    this.#lr = lr
    this.#changes = [...this.#changes, change]
    return change
  }
}
