import type { Net } from '../../net/net.ts'
import { type Courses, uniform } from '../../optim/schedule.ts'
import type { CheckpointOptions, Step, TrainOptions } from '../options.ts'
import { NonFiniteError, requireFinite } from '../step/non-finite-error.ts'
import type { Trainer } from '../step/trainer.ts'
import { Watcher } from '../watch/watcher.ts'
import { requireSame } from './require-same.ts'
import type { RunPlan } from './run-plan.ts'
import type { StepQueue } from './step-queue.ts'

/** The longest time between two snapshots, in seconds, unless a number of steps is given. */
const LONGEST = 600

/** The error of a collective, with the process that is gone. */
export async function explained({ placement }: Net, error: unknown): Promise<unknown> {
  return placement.group ? await placement.group.explain(error) : error
}

/** What is done between two steps, when none is in flight: validating, saving and watching. */
export class Pauses {
  readonly #net: Net
  readonly #trainer: Trainer
  readonly #plan: RunPlan
  readonly #queue: StepQueue
  readonly #checkpoint: CheckpointOptions | undefined
  readonly #onResult: NonNullable<TrainOptions['validation']>['onResult']
  readonly #signal: AbortSignal | undefined
  readonly #courses: Courses
  readonly #rates: ReadonlyMap<string, number>
  readonly #watcher: Watcher | undefined
  /** The step of the last snapshot. */
  #saved: number
  /** The step after which the weights were last seen to be finite. */
  #sound: number
  /** True once saving has failed. */
  #refused = false
  /** When it was saved, or the run began. */
  #savedAt = performance.now()

  constructor(trainer: Trainer, plan: RunPlan, queue: StepQueue, options: TrainOptions) {
    const { checkpoint, validation, watch, signal, courses = uniform, rates = {} } = options
    this.#net = trainer.net
    this.#trainer = trainer
    this.#plan = plan
    this.#queue = queue
    this.#checkpoint = checkpoint
    this.#onResult = validation?.onResult
    // One rank alone must not leave a validation that all ranks make.
    this.#signal = trainer.net.placement.group ? undefined : signal
    this.#courses = courses
    this.#rates = new Map(Object.entries(rates))
    this.#watcher = watch && new Watcher(trainer, watch, plan.start)
    this.#saved = plan.start
    this.#sound = plan.start
  }

  /** True if something is due after the last queued step: no other step may be queued until it is done. */
  get due(): boolean {
    return this.#checkpointDue || this.#validationDue || this.#watchDue
  }

  /**
   * Does one thing that is due. No step may be in flight.
   * @returns false if nothing was left to do, so that the run ends
   */
  async take(): Promise<boolean> {
    if (this.#plan.aborted) return false
    if (this.#validationDue) await this.#validate()
    else if (!this.#plan.goesOn(this.#queue.sent)) return false
    else if (this.#checkpointDue) await this.save()
    else if (this.#watchDue) await this.#watch()
    else return false
    this.#queue.restartClock()
    return true
  }

  /** Passes a finished step to the watcher. */
  observe({ loss, skipped = false }: Step): void {
    this.#watcher?.observe(loss, skipped)
  }

  /** Tells the watcher if a step was not finite, and throws the error. */
  async fail(error: unknown): Promise<never> {
    if (error instanceof NonFiniteError) {
      await this.#watcher?.ended(this.#queue.done.step + 1, error)
    }
    throw await explained(this.#net, error)
  }

  /**
   * Looks at the weights that the run ends with, and saves them.
   * @throws NonFiniteError where one is not finite
   */
  async end(): Promise<void> {
    await this.#requireFinite()
    await this.save()
  }

  /** Saves what was made before a failure of another kind, unless saving has failed or a step was half made. */
  async rescue(): Promise<void> {
    if (this.#refused || this.#queue.torn) return
    // The other processes may be gone.
    await this.#save({ compare: false }).catch((error) => {
      const reason = error instanceof Error ? error.message : String(error)
      process.emitWarning(`[train] the steps made before the error could not be saved: ${reason}`, {
        type: 'Warning',
        code: 'ALEXNODE_NOT_SAVED'
      })
    })
  }

  /** Looks at what is saved or handed over, once a step. */
  async #requireFinite(): Promise<void> {
    const { step } = this.#queue.done
    if (this.#sound === step) return
    await requireFinite(this.#trainer, step)
    this.#sound = step
  }

  /**
   * Saves a snapshot of the last step that is done.
   * @param again save even if there is one of this step. Default false
   * @throws NonFiniteError where a weight is not finite
   */
  save(again = false): Promise<void> {
    return this.#save({ again, compare: true })
  }

  /** @param options compare with the other processes, if there are any */
  async #save({ again = false, compare }: { again?: boolean; compare: boolean }): Promise<void> {
    const { done } = this.#queue
    if (!this.#checkpoint || (this.#saved === done.step && !again)) return
    // Until it has succeeded.
    this.#refused = true
    await this.#requireFinite()
    const { length, lossScale, validator } = this.#plan
    const validation = validator?.state
    const state = {
      ...done,
      ...length.state,
      ...(lossScale && { lossScale: lossScale.state }),
      ...(validation && { validation })
    }
    const tensors = await this.#trainer.export()
    if (compare) await requireSame(this.#net.placement.group, tensors, done.step)
    await this.#checkpoint.save({ ...tensors, state })
    this.#refused = false
    this.#saved = done.step
    this.#savedAt = performance.now()
  }

  get #validationDue(): boolean {
    const { validator, order, length } = this.#plan
    const { sent } = this.#queue
    const place = { epochEnds: order.epochEnds, runEnds: sent >= length.steps }
    return validator?.due(sent, place) === true
  }

  get #checkpointDue(): boolean {
    const { sent } = this.#queue
    if (!this.#checkpoint || sent <= this.#saved) return false
    const { every } = this.#checkpoint
    const late = this.#plan.isLate(this.isLate)
    return late || (every !== undefined && sent % every === 0)
  }

  /** True if the time between two snapshots is over, by the clock of this process. */
  readonly isLate = (): boolean => {
    if (!this.#checkpoint) return false
    const { every, seconds = every === undefined ? LONGEST : Number.POSITIVE_INFINITY } =
      this.#checkpoint
    return performance.now() - this.#savedAt >= seconds * 1000
  }

  get #watchDue(): boolean {
    return this.#watcher?.due(this.#queue.sent) === true
  }

  async #validate(): Promise<void> {
    const { validator, order } = this.#plan
    const { sent } = this.#queue
    const result = await this.#trainer.averaged(
      async () => await validator?.validate(this.#net, sent, order.epochEnds, this.#signal)
    )
    if (result) await this.#onResult?.(result)
    if (result?.best) await this.save(true)
  }

  async #watch(): Promise<void> {
    const { schedule, rate } = this.#plan
    const { sent } = this.#queue
    const at = this.#plan.progressAt(sent - 1)
    const planned = schedule(at)
    await this.#watcher?.check(sent, {
      seen: this.#plan.imagesAt(this.#queue.done),
      rate: rate.lr * planned,
      factorOf: (parameter) => {
        const ofLayer = parameter.rate * (this.#rates.get(parameter.layer) ?? 1)
        return planned * ofLayer * (this.#courses(parameter).rate?.(at) ?? 1)
      }
    })
  }
}
