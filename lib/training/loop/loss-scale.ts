/**
 * Dynamic loss scaling for f16, whose positive numbers are from 2^-24 to 65504: the loss's gradient is multiplied by a
 * scale, the optimizer divides by it, and the scale is halved after an overflow and doubled after many good steps.
 * Source: Micikevicius et al. 2018, Mixed Precision Training, with the constants of PyTorch's GradScaler.
 *
 * The device is one step ahead of what is known here. A step whose gradients overflow clears a flag on the device, so
 * the step after it is skipped as well; the step after that sets the flag again and runs with half the scale. The
 * outcome of a step counts from the second step after it, even if it is known earlier. So a run that is interrupted
 * and resumed anywhere gives the same numbers as one that is not.
 */

import { checkArguments } from '../../util/check/check.ts'
import { maybe, type Rule, record, rule, whole } from '../../util/check/rules.ts'

/** `overflow`: the gradients were not finite. `skipped`: the step before had an overflow. */
export type ScaledOutcome = 'good' | 'overflow' | 'skipped'

/** Options of the loss scale. */
export interface LossScaleOptions {
  /** The scale of the first step, from 1 to 2^126. Default 65536. */
  readonly start?: number
  /** The scale doubles after this many good steps in a row. Default 2000. */
  readonly interval?: number
}

export const lossScaleRule: Rule = record<LossScaleOptions>({
  start: maybe(rule('a number from 1 to 2^126', inRange)),
  interval: maybe(whole({ from: 1 }))
})

function inRange(value: unknown): boolean {
  return typeof value === 'number' && value >= 1 && value <= 2 ** 126
}

/** The loss scale in a snapshot. */
export interface LossScaleState {
  /** The scale of the next step, unless an outcome that does not count yet changes it. */
  readonly scale: number
  /** Good steps since the scale last changed. */
  readonly good: number
  /** Steps whose update was skipped. */
  readonly skipped: number
  /** Outcomes of the last steps that do not count yet: two at most, oldest first. */
  readonly unheeded: readonly ScaledOutcome[]
}

/** How a step is to run. */
export interface ScaledStep {
  readonly scale: number
  /** True if the flag is to be set before the step. */
  readonly reopen: boolean
}

/** The largest scale that doubling gives: with gradients of 0 it would grow without end. */
const MOST = 2 ** 24

/**
 * The loss scale from step to step. It holds numbers alone and touches no device.
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
  /** Outcomes that do not count yet, oldest first. */
  readonly #pending: ScaledOutcome[]
  /** Of the newest step that is done. */
  #last: ScaledOutcome
  #inFlight = 0
  /** What the last `send` has changed, until an outcome arrives. */
  #before:
    | { readonly scale: number; readonly good: number; readonly pending: readonly ScaledOutcome[] }
    | undefined

  /**
   * @param from the state of a run that is resumed
   * @throws RangeError for a start below 1 or above 2^126, or an interval that is not a whole number from 1
   */
  constructor(options: LossScaleOptions = {}, from?: LossScaleState) {
    checkArguments('train', { lossScale: [options, lossScaleRule] })
    const { start = 65536, interval = 2000 } = options
    this.#interval = interval
    this.#scale = from?.scale ?? start
    this.#good = from?.good ?? 0
    this.#skipped = from?.skipped ?? 0
    this.#pending = [...(from?.unheeded ?? [])]
    this.#last = this.#pending.at(-1) ?? 'good'
  }

  /** True if the flag on the device is clear. Call it when no step is in flight. */
  get cleared(): boolean {
    return this.#last !== 'good'
  }

  /** For a snapshot. Call it when no step is in flight. */
  get state(): LossScaleState {
    return {
      scale: this.#scale,
      good: this.#good,
      skipped: this.#skipped,
      unheeded: [...this.#pending]
    }
  }

  /**
   * Returns how the next step is to run, by the outcomes of all steps but the one before it.
   * @throws Error where two steps are in flight
   */
  send(): ScaledStep {
    let reopen = false
    this.#before = { scale: this.#scale, good: this.#good, pending: [...this.#pending] }
    while (this.#pending.length + this.#inFlight > 1) {
      const outcome = this.#pending.shift()
      if (outcome === undefined) throw new Error('[train] two steps at most may be in flight')
      if (outcome === 'overflow') {
        this.#scale /= 2
        this.#good = 0
        reopen = true
      } else if (outcome === 'good' && ++this.#good === this.#interval) {
        this.#scale = Math.max(this.#scale, Math.min(2 * this.#scale, MOST))
        this.#good = 0
      }
    }
    this.#inFlight++
    return { scale: this.#scale, reopen }
  }

  /** Undoes the last `send`, of a step that was not made. */
  retract(): void {
    if (!this.#before) return
    this.#scale = this.#before.scale
    this.#good = this.#before.good
    this.#pending.splice(0, this.#pending.length, ...this.#before.pending)
    this.#inFlight--
    this.#before = undefined
  }

  /**
   * Takes the outcome of the oldest step in flight.
   * @param finite whether the flag was set after it
   */
  arrive(finite: boolean): ScaledOutcome {
    this.#inFlight--
    this.#before = undefined
    const outcome = finite ? 'good' : this.#last === 'overflow' ? 'skipped' : 'overflow'
    this.#pending.push(outcome)
    this.#last = outcome
    if (outcome !== 'good') this.#skipped++
    return outcome
  }
}
