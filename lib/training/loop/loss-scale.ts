/**
 * Loss scaling for f16, whose numbers end at 65504 and at 2^-24: the loss's gradient is multiplied by a scale, the
 * optimizer divides by it, and the scale follows what the gradients bear. Source: Micikevicius et al. 2018, Mixed
 * Precision Training, with the figures of PyTorch's GradScaler.
 *
 * The device is a step ahead of what is known of it. A step whose gradients overflow clears a flag there, which
 * stays cleared, so the step after it is skipped as well; the one after that opens it again, with half the scale.
 * What becomes of a step is heeded by the second step after it, known earlier or not: so a run that is interrupted
 * anywhere and goes on gives the same numbers as one that is not.
 */

/** `overflow`: its gradients were not finite; `skipped`: it ran behind one whose were not. */
export type ScaledOutcome = 'good' | 'overflow' | 'skipped'

export interface LossScaleOptions {
  /** The scale of the first step. Default 65536. */
  readonly start?: number
  /** The scale doubles after so many good steps in a row. Default 2000. */
  readonly interval?: number
}

/** All that going on needs. */
export interface LossScaleState {
  /** Of the next step, unless what is not heeded yet changes it. */
  readonly scale: number
  /** Good steps since the scale last changed. */
  readonly good: number
  /** Steps whose update was skipped. */
  readonly skipped: number
  /** What became of the last steps, where no step has heeded it yet: two at most, oldest first. */
  readonly unheeded: readonly ScaledOutcome[]
}

/** What a step runs with. */
export interface ScaledStep {
  readonly scale: number
  /** Whether the flag is to be set before the step. */
  readonly reopen: boolean
}

/** Gradients of nought would double it for ever. */
const MOST = 2 ** 24

/**
 * The scale from step to step. A plain value: it knows nothing of devices.
 *
 * @example
 * const scaling = new LossScale()
 * const { scale, reopen } = scaling.send()
 * const outcome = scaling.arrive(true)
 */
export class LossScale {
  readonly #interval: number
  #scale: number
  #good: number
  #skipped: number
  /** Oldest first. */
  readonly #unheeded: ScaledOutcome[]
  /** Of the newest step that is known. */
  #last: ScaledOutcome
  /** Steps sent whose outcome is not known. */
  #flying = 0

  /**
   * @param from where a run stands that goes on
   * @throws RangeError for a start below 1 or beyond 2^126, or an interval that is not a whole number from 1
   */
  constructor({ start = 65536, interval = 2000 }: LossScaleOptions = {}, from?: LossScaleState) {
    if (!(start >= 1) || start > 2 ** 126) {
      throw new RangeError(
        `[train] lossScale.start: expected a number from 1 to 2^126, got ${start}`
      )
    }
    if (!Number.isInteger(interval) || interval < 1) {
      throw new RangeError(
        `[train] lossScale.interval: expected a whole number from 1, got ${interval}`
      )
    }
    this.#interval = interval
    this.#scale = from?.scale ?? start
    this.#good = from?.good ?? 0
    this.#skipped = from?.skipped ?? 0
    this.#unheeded = [...(from?.unheeded ?? [])]
    this.#last = this.#unheeded.at(-1) ?? 'good'
  }

  /** Whether the flag on the device is cleared when nothing is under way. */
  get cleared(): boolean {
    return this.#last !== 'good'
  }

  /** Where it stands; call it when nothing is under way. */
  get state(): LossScaleState {
    return {
      ...{ scale: this.#scale, good: this.#good, skipped: this.#skipped },
      unheeded: [...this.#unheeded]
    }
  }

  /**
   * For the next step: it heeds all steps but the one before it.
   * @throws Error where two steps are under way
   */
  send(): ScaledStep {
    let reopen = false
    while (this.#unheeded.length + this.#flying > 1) {
      const outcome = this.#unheeded.shift()
      if (outcome === undefined) throw new Error('[train] two steps at most may be under way')
      if (outcome === 'overflow') {
        this.#scale /= 2
        this.#good = 0
        reopen = true
      } else if (outcome === 'good' && ++this.#good === this.#interval) {
        this.#scale = Math.max(this.#scale, Math.min(2 * this.#scale, MOST))
        this.#good = 0
      }
    }
    this.#flying++
    return { scale: this.#scale, reopen }
  }

  /**
   * Takes the outcome of the oldest step under way.
   * @param finite whether the flag was set after it
   */
  arrive(finite: boolean): ScaledOutcome {
    this.#flying--
    const outcome = finite ? 'good' : this.#last === 'overflow' ? 'skipped' : 'overflow'
    this.#unheeded.push(outcome)
    this.#last = outcome
    if (outcome !== 'good') this.#skipped++
    return outcome
  }
}
