import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { type Optimizer, sgd } from '../../optim/optimizer.ts'
import {
  constant,
  isPlateau,
  type Plateau,
  type Progress,
  type Schedule
} from '../../optim/schedule.ts'
import { checkArguments } from '../../util/check/check.ts'
import { callback } from '../../util/check/rules.ts'
import { wholeAbove } from '../../util/near-whole.ts'
import type { TrainOptions } from '../options.ts'
import { Agreement } from './agreement.ts'
import { ImageOrder, type ImagePosition, togetherOf } from './image-order.ts'
import { LearningRate, type RateChange } from './learning-rate.ts'
import { leftOut } from './left-out.ts'
import { LossScale } from './loss-scale.ts'
import { RunLength } from './run-length.ts'
import { plateauRule } from './state-rules.ts'
import type { TrainState } from './train-state.ts'
import { Validator } from './validation.ts'

/** What a run does at each step: its order, length, rate and scale, new or from the snapshot that is resumed. */
export class RunPlan {
  readonly optimizer: Optimizer
  readonly schedule: Schedule
  readonly seed: number
  readonly order: ImageOrder
  readonly length: RunLength
  readonly rate: LearningRate
  /** Undefined if the loss is not scaled. */
  readonly lossScale: LossScale | undefined
  readonly validator: Validator | undefined
  /** Steps done before the run began or was resumed. */
  readonly start: number
  readonly #setLength: number
  readonly #signal: AbortSignal | undefined
  /** With other processes; undefined for one alone. */
  readonly #agreement: Agreement | undefined

  /** @throws Error for options that do not fit */
  constructor(net: Net, set: ImageSet, options: TrainOptions) {
    const { momentum = 0, weightDecay = 0, accumulate = 1, epochs = 1, steps, from } = options
    const { state } = from ?? {}
    this.optimizer = options.optimizer ?? sgd({ momentum, weightDecay })
    this.schedule = options.schedule ?? constant()
    this.seed = state?.seed ?? options.seed ?? net.seed
    this.start = state?.step ?? 0
    this.#signal = options.signal
    const { group } = net.placement
    this.#agreement = group && new Agreement(group)
    const { length } = set
    this.#setLength = length
    const { seed } = this
    const { sampling } = options
    const batch = net.batch * accumulate
    const leave = leftOut(net, togetherOf(length, sampling))
    this.order = new ImageOrder({ length, batch, seed, sampling, leave, from: state })
    const most = typeof steps === 'number' ? steps : wholeAbove(epochs * this.order.perEpoch)
    const choose = typeof steps === 'function' ? steps : undefined
    this.length = new RunLength(most, choose, state?.steps, group !== undefined)
    const scaled = options.lossScale !== undefined || net.dtype === 'f16'
    this.lossScale = scaled ? new LossScale(options.lossScale, state?.lossScale) : undefined
    if (isPlateau(this.schedule)) checkPlateau(this.schedule)
    this.validator = validatorOf(options, this.schedule)
    this.rate = new LearningRate(options.lr, options.control, state?.rates)
    if (state) checkPlace(state, set, this.order)
  }

  /** Where training stands before a step, counted from 0. */
  progressAt(step: number): Progress {
    return { step, epoch: step / this.order.perEpoch, steps: this.length.steps }
  }

  /** The state after the images that were taken from `order` last. */
  stateAt(step: number): TrainState {
    const images = this.#setLength
    return { ...this.order.state, step, seed: this.seed, images, ...this.rate.state }
  }

  /** Epochs done at a state, with a fraction. */
  epochsAt({ epoch, position }: TrainState): number {
    return epoch + position / this.order.epochLength
  }

  /** Images seen at a state. */
  imagesAt({ epoch, position }: TrainState): number {
    return epoch * this.order.epochLength + position
  }

  /** True if a step is to follow the `sent` steps that were queued. */
  goesOn(sent: number): boolean {
    return sent < this.length.steps && !this.aborted && !this.validator?.exhausted
  }

  get aborted(): boolean {
    return this.#agreement ? this.#agreement.agreed.stop : this.#signal?.aborted === true
  }

  /**
   * With other processes: agrees with them on the next step.
   * @param sent steps queued so far
   * @param late called for whether it is time for a snapshot
   */
  async agree(sent: number, late: () => boolean): Promise<void> {
    const { length, rate } = this
    await this.#agreement?.on(sent, () => ({
      stop: this.#signal?.aborted === true,
      save: late(),
      steps: length.proposed,
      lr: rate.wanted(sent)
    }))
    const { steps } = this.#agreement?.agreed ?? {}
    if (steps !== undefined) length.adopt(steps)
  }

  /** True if it is time for a snapshot: by the clock of rank 0 where there are other processes. */
  isLate(late: () => boolean): boolean {
    return this.#agreement ? this.#agreement.agreed.save : late()
  }

  /** Changes the rate for the next step, if that is wanted. */
  followRate(sent: number): Promise<RateChange | undefined> {
    const { rate } = this
    return rate.follow(sent, this.#agreement ? this.#agreement.agreed.lr : rate.wanted(sent))
  }
}

/** @throws Error for a snapshot of a run on a set of another size: its order of images is another one, too */
function checkPlace(
  { images, step, epoch, position }: TrainState,
  { length }: ImageSet,
  order: ImageOrder
): void {
  const known = images ?? (position < length ? length : undefined)
  if (known === length) {
    checkReach({ step, epoch, position }, order)
    return
  }
  const before = images === undefined ? `more than ${position} images` : `${images} images`
  throw new RangeError(
    `[train] from: expected a snapshot of a run on this set, of ${length} images, got one of a set of ${before}: ` +
      'resume with the same images, or load its weights and begin a new run'
  )
}

/** @throws Error for a place that no run reaches by its step */
function checkReach(
  { step, epoch, position }: ImagePosition & { readonly step: number },
  { epochLength, perEpoch }: ImageOrder
): void {
  if (position >= epochLength) {
    throw new RangeError(
      `[train] from.state.position: expected one below ${epochLength}, the images of an epoch, got ${position}`
    )
  }
  // An epoch takes a step at least, unless a batch goes across the end of several.
  const most = step * Math.max(1, Math.ceil(1 / perEpoch))
  if (epoch + (position > 0 ? 1 : 0) <= most) return
  throw new RangeError(
    `[train] from.state: expected a place that ${step} steps can reach, got epoch ${epoch}, position ${position}`
  )
}

/** @throws RangeError for a schedule of the caller's own that does not follow validations as `plateau` does */
function checkPlateau({ observe, state }: Plateau): void {
  checkArguments('train', {
    'schedule.observe': [observe, callback],
    'schedule.state': [state, plateauRule]
  })
}

function validatorOf(
  { input, validation, from }: TrainOptions,
  schedule: Schedule
): Validator | undefined {
  if (validation) return new Validator({ input, ...validation }, schedule, from?.state.validation)
  if (!isPlateau(schedule)) return undefined
  throw new Error('[train] the schedule plateau expected a validation; give train() a set for it')
}
