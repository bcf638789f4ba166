import type { Optimizer } from '../optim/optimizer.ts'
import type { Courses, Schedule } from '../optim/schedule.ts'
import type { Span } from './bench/timeline.ts'
import type { InputRecipe } from './input/augment.ts'
import type { RateChange, RateControl } from './loop/learning-rate.ts'
import type { LossScaleOptions } from './loop/loss-scale.ts'
import type { Sampling } from './loop/sampling.ts'
import type { Snapshot } from './loop/train-state.ts'
import type { ValidationOptions } from './loop/validation.ts'
import type { WatchOptions } from './watch/options.ts'

/** Options of `train`. */
export interface TrainOptions {
  /** Learning rate: a number from 0. */
  readonly lr: number
  /**
   * Passes over the set, with a fraction if you like: .07 of 100 batches are 7 steps. Default 1, unless `steps` is
   * given. Not beside a number of `steps`.
   */
  readonly epochs?: number | undefined
  /**
   * Updates in all, instead of epochs. A function gets the pace of the first 16 steps, in images a second, and
   * returns the number; it is cut to what `epochs` says. See `fitSteps`.
   */
  readonly steps?: number | ((imagesPerSecond: number) => number) | undefined
  /** Momentum of SGD. Default 0. Not beside `optimizer`, which has its own. */
  readonly momentum?: number
  /** Weight decay of SGD. Default 0. Not beside `optimizer`, which has its own. */
  readonly weightDecay?: number
  /** Default: `sgd({ momentum, weightDecay })`. */
  readonly optimizer?: Optimizer
  /** Factor on the learning rate, a finite number from 0 at each step. Default: `schedules.constant()`. */
  readonly schedule?: Schedule
  /**
   * Changes the learning rate of a run that is under way; the schedule multiplies the new rate. Snapshots keep the
   * changes, and a resumed run goes on with the last one, whatever `lr` says. Default: the rate stays.
   */
  readonly control?: RateControl | undefined
  /** Factors on the rate and the decay of each parameter. Default: 1. */
  readonly courses?: Courses | undefined
  /** Factors on the rate by layer, such as { fc8: 10 } for a new head. Default: 1 each. */
  readonly rates?: Readonly<Record<string, number>> | undefined
  /**
   * How images become the net's input. Default: photographs that are larger than the input are cropped at random and
   * flipped at random; other images are resized.
   */
  readonly input?: InputRecipe | undefined
  /** How images are drawn. Default: `{ form: 'permutation' }`, each image once an epoch. */
  readonly sampling?: Sampling | undefined
  /**
   * Label smoothing: the fraction of the target that is spread over all classes, from 0 to below 1. A step's loss
   * is that of the smoothed target; evaluations do not smooth. Default 0. Source: Szegedy et al. 2016.
   */
  readonly labelSmoothing?: number | undefined
  /**
   * Clips the gradient of all trained parameters together to this norm, as PyTorch's `clip_grad_norm_`. Infinity
   * measures the norm without clipping. Default: neither.
   */
  readonly clipNorm?: number | undefined
  /**
   * Decay of an exponential moving average of the weights, from 0 to below 1. Validations use the averaged weights,
   * checkpoints hold them as weights, and the net holds them when the loop ends. Default: no average.
   */
  readonly ema?: number | undefined
  /**
   * Gradient accumulation: batches an update, which is one step. The result is that of one batch with all their
   * images, except that batch norm sees each batch by itself. Default 1.
   */
  readonly accumulate?: number | undefined
  /** Dynamic loss scaling. Default: on for nets in f16, off for others. */
  readonly lossScale?: LossScaleOptions
  /**
   * Seeds the order of images and all random draws. Default: that of `from`, else the net's. With `from` it must be the
   * seed of the snapshot.
   */
  readonly seed?: number
  /** Ends the run after the steps that are in flight, without an error. */
  readonly signal?: AbortSignal | undefined
  /** Resumes from this snapshot, which must be of a run on the same images. */
  readonly from?: Snapshot | undefined
  /** Evaluates the net on other images between steps. The schedule `plateau` needs it. Default: no validation. */
  readonly validation?: ValidationOptions | undefined
  /** Diagnoses failures such as dead ReLUs between steps. Default: off. */
  readonly watch?: WatchOptions | undefined
  /** Saves snapshots. Default: none. */
  readonly checkpoint?: CheckpointOptions
  /**
   * Called once with the time of each call of a step: of the tenth step from the start, or of the last if there are
   * fewer. See `writeTrace`.
   */
  readonly onTimeline?: ((spans: readonly Span[], step: number) => void | Promise<void>) | undefined
}

/** When and how `train` saves. */
export interface CheckpointOptions {
  /**
   * Steps from one snapshot to the next. There is always one after the last step, after an abort, and after a
   * validation that was the best. Default: those, and the ones of `seconds`.
   */
  readonly every?: number | undefined
  /** The longest time from one snapshot to the next, in seconds. Default 600; with `every`, no limit. */
  readonly seconds?: number | undefined
  /** Saves a snapshot. `train` awaits it before it queues the next step. */
  save(snapshot: Snapshot): void | Promise<void>
}

/** The options that decide what one step computes. */
export type TrainerOptions = UpdateOptions &
  Pick<TrainOptions, 'input' | 'labelSmoothing' | 'accumulate'>

/** The options that decide how gradients become new weights. */
export type UpdateOptions = Pick<TrainOptions, 'courses' | 'rates' | 'clipNorm' | 'ema'>

/** One step that is done. */
export interface Step {
  /** The step's number, from 1. */
  readonly step: number
  /** Steps in all, as far as that is known. */
  readonly steps: number
  /** Epochs done, with a fraction. */
  readonly epoch: number
  /** Mean cross-entropy of the step's images before the update, in nats; with `labelSmoothing`, of the smoothed target. */
  readonly loss: number
  /** Fraction of the step's images whose class came first. */
  readonly top1: number
  /** Fraction of the step's images whose class was among the first five. */
  readonly top5: number
  /** The learning rate, with the schedule's factor. */
  readonly lr: number
  /** On the first step after a change of the rate by `control`. */
  readonly rateChange?: RateChange
  /** Images of the step. */
  readonly images: number
  /** Pace, from the step before. */
  readonly imagesPerSecond: number
  /** Seconds for which the device waited for images. */
  readonly waited: number
  /** With other processes, on CPUs: seconds for which this one's device waited for them. */
  readonly waitedForRanks?: number
  /** With `clipNorm`: the norm of the gradient before clipping. */
  readonly gradientNorm?: number
  /** With a loss scale: the scale of this step. */
  readonly lossScale?: number
  /** With a loss scale: true if there was no update, as gradients overflowed in this step or in the one before. */
  readonly skipped?: boolean
}
