import type { TrainedTensors } from '../update/update.ts'
import type { Place } from './image-order.ts'
import type { RateChange } from './learning-rate.ts'
import type { LossScaleState } from './loss-scale.ts'
import type { ValidationState } from './validation.ts'

/** Where a run stands; with the tensors, all that going on needs. */
export interface TrainState extends Place {
  /** Steps done. */
  readonly step: number
  readonly seed: number
  /** Steps in all, once that is settled. */
  readonly steps?: number
  /** Of runs whose loss is scaled. */
  readonly lossScale?: LossScaleState
  /** Of runs whose rate was changed as they went on: each change so far. The last one's rate holds. */
  readonly rates?: readonly RateChange[]
  /** Of runs that were validated. */
  readonly validation?: ValidationState
}

export interface Snapshot extends TrainedTensors {
  readonly state: TrainState
}
