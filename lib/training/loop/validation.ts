import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { isPlateau, type Plateau, type Schedule } from '../../optim/schedule.ts'
import { requireNumber } from '../../util/require.ts'
import { type EvaluateOptions, type Evaluation, evaluate } from '../evaluate/evaluate.ts'

/** How a run is looked at while it goes on; the rest is as `evaluate` takes it. */
export interface ValidationOptions extends Omit<EvaluateOptions, 'signal'> {
  /** Images that are not trained on. */
  readonly set: ImageSet
  /** Steps from one validation to the next. Default: at the end of each epoch. */
  readonly every?: number | undefined
  /** The run ends when so many validations in a row were not the best. Default: never. */
  readonly patience?: number | undefined
  /** Told of each, after its step was yielded and before the next is sent. */
  readonly onResult?: ((validation: Validation) => void | Promise<void>) | undefined
}

/** What a validation found. */
export interface Validation extends Evaluation {
  /** Steps done. */
  readonly step: number
  /** The best so far: the least top-1 error, and of equal ones the least loss. */
  readonly best: boolean
  /** With the schedule `plateau`: its factor on the rate from here on. */
  readonly factor?: number
  /** The patience is at an end, and the run with it. */
  readonly stops: boolean
}

/** All that going on needs. */
export interface ValidationState {
  /** Steps done at the last one. */
  readonly step: number
  readonly best: { readonly step: number; readonly error: number; readonly loss: number }
  /** Validations since the best. */
  readonly waited: number
  readonly plateau?: Plateau['state']
}

/** Looks at a run when it is time to, and says what follows from it. */
export class Validator {
  readonly #options: ValidationOptions
  readonly #plateau: Plateau | undefined
  #state: ValidationState | undefined

  /**
   * @param from where a run stands that goes on
   * @throws Error for options that do not suit
   */
  constructor(options: ValidationOptions, schedule: Schedule, from?: ValidationState) {
    const { every = 1, patience = 1, set } = options
    requireNumber('validation.every', every, 1)
    requireNumber('validation.patience', patience, 1)
    requireNumber('validation.set.length', set.length, 1)
    this.#options = options
    this.#plateau = isPlateau(schedule) ? schedule : undefined
    this.#state = from
    if (this.#plateau && from?.plateau) this.#plateau.state = { ...from.plateau }
  }

  /** Undefined before the first. */
  get state(): ValidationState | undefined {
    return this.#state
  }

  /** Whether the run has gone on for long enough without progress. */
  get exhausted(): boolean {
    const { patience } = this.#options
    return patience !== undefined && (this.#state?.waited ?? 0) >= patience
  }

  /**
   * Whether it is time.
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
   * Evaluates, and remembers. One at the end of a run that is not due otherwise may be the best, and neither drops
   * the rate nor counts against the patience: so a run that is made longer takes the same steps.
   *
   * @returns undefined where the signal was aborted meanwhile
   */
  async look(
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
    const { loss } = found
    const error = 1 - found.top1
    const before = this.#state
    const known = before?.best
    const best = !known || error < known.error || (error === known.error && loss < known.loss)
    const regular = this.#regular(step, epochEnds)
    if (regular) this.#plateau?.observe(error)
    const idle = before?.waited ?? 0
    const waited = !regular ? idle : best ? 0 : idle + 1
    this.#state = {
      ...{ step, best: best ? { step, error, loss } : known, waited },
      ...(this.#plateau && { plateau: { ...this.#plateau.state } })
    }
    const { plateau } = this.#state
    const told = plateau && { factor: plateau.factor }
    return { ...found, step, best, ...told, stops: this.exhausted }
  }
}
