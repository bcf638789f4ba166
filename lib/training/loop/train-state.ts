import type { TrainedTensors } from '../update/trained-tensors.ts'
import type { ImagePosition } from './image-order.ts'
import type { RateChange } from './learning-rate.ts'
import type { LossScaleState } from './loss-scale.ts'
import type { ValidationState } from './validation.ts'

/** Where a run stands. With the tensors, this is all that resuming takes. */
export interface TrainState extends ImagePosition {
  /** Steps done. */
  readonly step: number
  /** The run's seed. */
  readonly seed: number
  /** Images of the set. Snapshots of earlier versions do not say. */
  readonly images?: number
  /** Steps in all, once chosen. */
  readonly steps?: number
  /** With a loss scale. */
  readonly lossScale?: LossScaleState
  /** Changes of the learning rate so far, in order; the last one's rate holds. */
  readonly rates?: readonly RateChange[]
  /** Of a run that was validated. */
  readonly validation?: ValidationState
}

/** A run as it is after a step: for `train`'s options `checkpoint` and `from`. */
export interface Snapshot extends TrainedTensors {
  /** Where the run stands. */
  readonly state: TrainState
}
