import type { Progress } from '../../optim/schedule.ts'
import type { Span } from '../bench/timeline.ts'
import type { Step } from '../options.ts'
import { explain } from '../step/non-finite-error.ts'
import type { QueuedStep, Trainer } from '../step/trainer.ts'
import { factorOf } from './checked-factor.ts'
import { GroupWaits } from './group-waits.ts'
import type { RateChange } from './learning-rate.ts'
import type { RunPlan } from './run-plan.ts'
import type { TrainState } from './train-state.ts'

/**
 * Two steps in flight are enough that the device never waits for JavaScript. The update of the newer one is held back
 * until the caller is done with the older one: meanwhile the net is that of the older one.
 */
const MOST = 2

/** The step from the start that is timed, call by call. By then the pace is steady. */
const TIMED = 10

interface InFlightStep extends QueuedStep {
  /** When its images were asked for. */
  readonly begun: number
  readonly indices: Uint32Array
  readonly at: Progress
  readonly lr: number
  readonly change: RateChange | undefined
  /** The loss scale, if there is one. */
  readonly scale: number | undefined
  /** The state after it. */
  readonly state: TrainState
}

/** A step that is done, and when its calls ran if it was timed. */
export interface FinishedStep {
  readonly step: Step
  readonly spans: readonly Span[] | undefined
  /** Why no step can follow, if the function that chooses the run's length has failed. */
  readonly failure: Failure | undefined
}

/** What was thrown, of any type. */
export interface Failure {
  readonly error: unknown
}

/** What a function throws; undefined if it throws nothing. */
function failureOf(act: () => void): Failure | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return { error }
  }
}

/** The steps of a run that are in flight: two at most. */
export class StepQueue {
  readonly #trainer: Trainer
  readonly #plan: RunPlan
  readonly #timed: boolean
  readonly #inFlight: InFlightStep[] = []
  #torn = false
  #sent: number
  #done: TrainState
  /** When the step before was handled here, and when the device was done with it. */
  #handled = performance.now()
  #settled = this.#handled
  readonly #waits: GroupWaits | undefined
  /** Since when the device has had nothing to do; undefined while it has. */
  #idleSince: number | undefined = this.#handled

  /** @param timed time one step, call by call */
  constructor(trainer: Trainer, plan: RunPlan, timed: boolean) {
    this.#trainer = trainer
    this.#plan = plan
    this.#timed = timed
    this.#waits = GroupWaits.of(trainer.net)
    this.#sent = plan.start
    this.#done = plan.stateAt(plan.start)
  }

  /** Steps queued so far, from the run's beginning. */
  get sent(): number {
    return this.#sent
  }

  /** The state after the last step that is done. */
  get done(): TrainState {
    return this.#done
  }

  get empty(): boolean {
    return this.#inFlight.length === 0
  }

  /** True if a step has failed that may have changed running statistics, but no weights. */
  get torn(): boolean {
    return this.#torn
  }

  get full(): boolean {
    return this.#inFlight.length === (this.#trainer.holds ? MOST : 1)
  }

  /**
   * With other processes: agrees with them on the next step.
   * @param late called for whether it is time for a snapshot
   */
  async agree(late: () => boolean): Promise<void> {
    const begun = performance.now()
    await this.#plan.agree(this.#sent, late)
    if (this.#idleSince === undefined) return
    this.#waits?.addIdle(performance.now() - Math.max(begun, this.#idleSince))
  }

  /** Queues the next step. Resolves when its images are staged. */
  async send(): Promise<void> {
    const plan = this.#plan
    const step = this.#sent
    this.#inFlight.at(-1)?.commit()
    const change = await plan.followRate(step)
    const indices = plan.order.next()
    const at = plan.progressAt(step)
    const lr = plan.rate.lr * factorOf('schedule', plan.schedule, at)
    const scaled = plan.lossScale?.send()
    const begun = performance.now()
    const last = Math.min(plan.length.steps, plan.start + TIMED)
    this.#torn = !this.#trainer.holds
    const queued = await this.#trainer
      .step(indices, {
        step,
        seed: plan.seed,
        lr,
        at,
        timed: this.#timed && step + 1 === last,
        hold: true,
        ...scaled
      })
      .catch((error) => {
        plan.lossScale?.retract()
        throw error
      })
    this.#torn = false
    this.#sent++
    this.#watch(queued.computed)
    const state = plan.stateAt(this.#sent)
    this.#inFlight.push({ ...queued, begun, indices, at, lr, change, scale: scaled?.scale, state })
    if (this.full && this.#sent < plan.length.steps) {
      this.#trainer.prefetch(plan.order.peek()).catch(() => {})
    }
  }

  /** Notes when the device is done with the last step that was queued. */
  #watch(computed: Promise<unknown>): void {
    const { sent } = this
    this.#idleSince = undefined
    const done = () => {
      if (this.#sent === sent) this.#idleSince = performance.now()
    }
    computed.then(done, done)
  }

  /**
   * Waits for the oldest step in flight.
   * @throws NonFiniteError where its loss or a gradient was not finite, and a smaller loss scale cannot help
   */
  async finish(): Promise<FinishedStep> {
    const inFlight = this.#inFlight.shift()
    if (!inFlight) throw new Error('[train] expected a step in flight, got none')
    const { begun, staged, state, change, scale } = inFlight
    inFlight.commit()
    const result = await inFlight.result
    // The device was idle from the request for images, or from the end of the step before, until they were staged.
    const idle = Math.max(0, staged - Math.max(begun, this.#settled)) + inFlight.idle
    this.#settled = result.settled
    const outcome = this.#plan.lossScale?.arrive(result.finite)
    const finite = result.finite && Number.isFinite(result.loss)
    // An overflow at a scale of 1 is the gradients' own.
    const expected = outcome === 'skipped' || (outcome === 'overflow' && (scale ?? 1) > 1)
    if (!finite && !expected) throw await this.#failure(inFlight, result.loss)
    this.#done = state
    const now = performance.now()
    const seconds = (now - this.#handled) / 1000
    this.#handled = now
    const images = inFlight.indices.length
    const { length } = this.#plan
    const failure = failureOf(() => length.count(images, seconds, this.#sent))
    const waitedForRanks = this.#waits?.take()
    const step: Step = {
      step: state.step,
      steps: length.steps,
      epoch: this.#plan.epochsAt(state),
      loss: result.loss,
      top1: result.top1 / images,
      top5: result.top5 / images,
      lr: inFlight.lr,
      ...(change && { rateChange: change }),
      images,
      imagesPerSecond: images / seconds,
      waited: idle / 1000,
      ...(waitedForRanks !== undefined && { waitedForRanks }),
      ...(result.gradientNorm !== undefined && { gradientNorm: result.gradientNorm }),
      ...(scale !== undefined && { lossScale: scale, skipped: outcome !== 'good' })
    }
    return { step, spans: result.spans, failure }
  }

  /** Restarts the timer of the next step's pace, after time that was spent on something else. */
  restartClock(): void {
    this.#handled = performance.now()
    this.#waits?.take()
  }

  /** Waits for the device, and drops the steps in flight. An update that is held back is not made. */
  async drain(): Promise<void> {
    this.#inFlight.splice(0)
    await this.#trainer.net.placement.synchronize().catch(() => {})
  }

  async #failure({ indices, at, scale, state }: InFlightStep, loss: number) {
    await this.drain()
    return explain(this.#trainer, { indices, step: state.step, seed: state.seed, at, scale, loss })
  }
}
