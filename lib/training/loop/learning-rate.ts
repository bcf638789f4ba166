import { checkArguments } from '../../util/check/check.ts'
import { f32 } from '../../util/check/rules.ts'

/** A change of the learning rate. It is kept in snapshots, so that a resumed run makes it again. */
export interface RateChange {
  /** The first step with the new rate, from 1. */
  readonly step: number
  /** The rate before, without the schedule's factor. */
  readonly old: number
  /** The rate from this step on, without the schedule's factor. */
  readonly lr: number
}

/** Changes the learning rate of a run that is under way: for `train`'s option `control`. */
export interface RateControl {
  /**
   * Returns the rate to use from here on, or undefined to leave it. `train` calls it before it queues each step, so
   * it must answer at once.
   *
   * @param step steps queued so far
   */
  wanted(step: number): number | undefined
  /** Called at each change, before the first step with the new rate is queued. `train` awaits it. */
  onChange?(change: RateChange): void | Promise<void>
}

/** The learning rate of a run, without the schedule's factor. */
export class LearningRate {
  readonly #control: RateControl | undefined
  #lr: number
  #changes: readonly RateChange[]

  /**
   * @param lr the rate at the start
   * @param from changes of a run that is resumed; the last one's rate holds
   */
  constructor(lr: number, control: RateControl | undefined, from: readonly RateChange[] = []) {
    this.#control = control
    this.#lr = from.at(-1)?.lr ?? lr
    this.#changes = from
  }

  get lr(): number {
    return this.#lr
  }

  /** For a snapshot: the changes so far, if there are any. */
  get state(): { readonly rates?: readonly RateChange[] } {
    return this.#changes.length > 0 ? { rates: this.#changes } : {}
  }

  /** The rate that the control wants for the next step. */
  wanted(sent: number): number | undefined {
    return this.#control?.wanted(sent)
  }

  /**
   * Changes the rate for the next step, if another one is wanted.
   * @param sent steps queued so far
   * @throws Error where the wanted rate is not a number from 0
   */
  async follow(sent: number, lr: number | undefined): Promise<RateChange | undefined> {
    if (lr === undefined || lr === this.#lr) return undefined
    checkArguments('train', { 'lr, as control wants it': [lr, f32({ from: 0 })] })
    const change = { step: sent + 1, old: this.#lr, lr }
    await this.#control?.onChange?.(change)
    this.#lr = lr
    this.#changes = [...this.#changes, change]
    return change
  }
}
