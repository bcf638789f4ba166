import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { isPlateau, type Plateau, type Schedule } from '../../optim/schedule.ts'
import { type EvaluateOptions, type Evaluation, evaluate } from '../evaluate/evaluate.ts'

/** How `train` validates the net. The other options are those of `evaluate`. */
export interface ValidationOptions extends Omit<EvaluateOptions, 'signal'> {
  /** Images that are not used for training: at least one. */
  readonly set: ImageSet
  /** Steps from one validation to the next, from 1. Default: at the end of each epoch. */
  readonly every?: number | undefined
  /** Early stopping: the run ends after this many validations in a row that were not the best. Default: never. */
  readonly patience?: number | undefined
  /** Called after each validation, before the next step is queued. `train` awaits it. */
  readonly onResult?: ((validation: Validation) => void | Promise<void>) | undefined
}

/** The result of a validation. */
export interface Validation extends Evaluation {
  /** Steps done. */
  readonly step: number
  /**
   * True if it is the best so far: the least top-1 error, and among equal ones the least loss. One whose loss is not
   * finite is never the best.
   */
  readonly best: boolean
  /** With the schedule `plateau`: its factor on the rate from here on. */
  readonly factor?: number
  /** True if the patience is used up, so that the run ends. */
  readonly stops: boolean
}

/** The best validation of a run, whose checkpoint is kept; stored as best.json. */
export interface Best {
  /** Steps done. */
  readonly step: number
  /** Top-1 error, as a fraction. */
  readonly error: number
  /** Mean cross-entropy, in nats. */
  readonly loss: number
}

/** The validations of a run in a snapshot. */
export interface ValidationState {
  /** Steps done at the last validation. */
  readonly step: number
  /** The best validation so far; missing if no loss was finite yet. */
  readonly best?: Best
  /** Validations since the best one. */
  readonly waited: number
  /** With the schedule `plateau`: its state. */
  readonly plateau?: Plateau['state']
}

/** Validates a net when it is time, and keeps what follows from it: the best step, patience and plateau. */
export class Validator {
  readonly #options: ValidationOptions
  readonly #plateau: Plateau | undefined
  #state: ValidationState | undefined

  /**
   * @param from the state of a run that is resumed
   */
  constructor(options: ValidationOptions, schedule: Schedule, from?: ValidationState) {
    this.#options = options
    this.#plateau = isPlateau(schedule) ? schedule : undefined
    this.#state = from
    if (this.#plateau && from?.plateau) this.#plateau.state = { ...from.plateau }
  }

  /** Undefined before the first validation. */
  get state(): ValidationState | undefined {
    return this.#state
  }

  /** True if the patience is used up. */
  get exhausted(): boolean {
    const { patience } = this.#options
    return patience !== undefined && (this.#state?.waited ?? 0) >= patience
  }

  /**
   * True if it is time to validate.
   * @param step steps done
   * @param place whether an epoch has just ended, and whether the run has
   */
  due(step: number, { epochEnds, runEnds }: { epochEnds: boolean; runEnds: boolean }): boolean {
    if (step === 0 || this.#state?.step === step) return false
    return runEnds || this.#regular(step, epochEnds)
  }

  #regular(step: number, epochEnds: boolean): boolean {
    const { every } = this.#options
    return every === undefined ? epochEnds : step % every === 0
  }

  /**
   * Evaluates the net. A validation at the end of a run that is not due otherwise may be the best, but counts neither
   * for the plateau nor for the patience: so a run that is made longer later takes the same steps.
   *
   * @returns undefined if the signal was aborted meanwhile
   */
  async validate(
    net: Net,
    step: number,
    epochEnds: boolean,
    signal: AbortSignal | undefined
  ): Promise<Validation | undefined> {
    const { set, every: _, patience: __, onResult: ___, ...options } = this.#options
    let found: Evaluation
    try {
      found = await evaluate(net, set, { ...options, signal })
    } catch (error) {
      if (signal?.aborted) return undefined
      throw error
    }
    const best = this.#record(found, step, this.#regular(step, epochEnds))
    const factor = this.#plateau && { factor: this.#plateau.state.factor }
    return { ...found, step, best, ...factor, stops: this.exhausted }
  }

  /** Returns whether it was the best. */
  #record({ loss, top1 }: Evaluation, step: number, regular: boolean): boolean {
    const error = 1 - top1
    const { best: known, waited = 0 } = this.#state ?? {}
    const finite = Number.isFinite(loss)
    const less = !known || error < known.error || (error === known.error && loss < known.loss)
    const best = finite && less
    if (regular) this.#plateau?.observe(finite ? error : Number.NaN)
    const kept = best ? { step, error, loss } : known
    this.#state = {
      step,
      ...(kept && { best: kept }),
      waited: !regular ? waited : best ? 0 : waited + 1,
      ...(this.#plateau && { plateau: { ...this.#plateau.state } })
    }
    return best
  }
}
