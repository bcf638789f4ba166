import type { Optimizer } from '../optim/optimizer.ts'
import type { Courses, Schedule } from '../optim/schedule.ts'
import type { Span } from './bench/timeline.ts'
import type { InputRecipe } from './input/augment.ts'
import type { RateChange, RateControl } from './loop/learning-rate.ts'
import type { LossScaleOptions } from './loop/loss-scale.ts'
import type { Snapshot } from './loop/train-state.ts'
import type { ValidationOptions } from './loop/validation.ts'
import type { WatchOptions } from './watch/watcher.ts'

export interface TrainOptions {
  /** Times through the set. Default 1, unless `steps` is given. */
  readonly epochs?: number | undefined
  /**
   * Updates in all, instead of epochs. A function is told the pace of the first few steps, in images a
   * second, and chooses then; it gets no more than `epochs` says.
   */
  readonly steps?: number | ((imagesPerSecond: number) => number) | undefined
  /** Learning rate. */
  readonly lr: number
  /** Default 0. Not with `optimizer`. */
  readonly momentum?: number
  /** Default 0. Not with `optimizer`. */
  readonly weightDecay?: number
  /** Default: `sgd({ momentum, weightDecay })`. */
  readonly optimizer?: Optimizer
  /** Factor on the rate. Default: constant. */
  readonly schedule?: Schedule
  /**
   * Changes the rate while the run goes on; the schedule is a factor on the new one. Changes are kept in what is
   * saved, and hold from there on when the run goes on, whatever `lr` says. Default: it stays as `lr` says.
   */
  readonly control?: RateControl | undefined
  /** Factors of each parameter on rate and decay besides. Default: none. */
  readonly courses?: Courses | undefined
  /**
   * How images become the net's input. Default: photographs that are larger than it are cropped, and
   * mirrored, by chance; other images are resized to it.
   */
  readonly input?: InputRecipe | undefined
  /**
   * Share of the loss's target that goes to all classes alike, from 0 to below 1: the class of an image gets the
   * rest. The loss of a step is then that of this target; evaluations are without it. Default 0.
   */
  readonly labelSmoothing?: number | undefined
  /**
   * The largest norm of the gradient, of all trained parameters together: where it is larger, the gradient is
   * made shorter (PyTorch's clip_grad_norm_). Infinity: it is measured alone. Default: neither.
   */
  readonly clipNorm?: number | undefined
  /**
   * How much of the weights' moving average is left after a step, from 0 to below 1. Validations are made with the
   * averaged weights, checkpoints have them as weights, and the net holds them in the end. Default: no average.
   */
  readonly ema?: number | undefined
  /**
   * Batches whose gradients make one update, which is one step: as from one batch of all their images, but that
   * batch norm looks at each by itself. Default 1.
   */
  readonly accumulate?: number | undefined
  /** Scaling of the loss's gradient. Default: on for nets in f16, off for others. */
  readonly lossScale?: LossScaleOptions
  /** Decides the order of images and all draws. Default: the net's. */
  readonly seed?: number
  /** Ends the run after the steps that are under way, without an error. */
  readonly signal?: AbortSignal | undefined
  /** Goes on from here. */
  readonly from?: Snapshot | undefined
  /** Evaluates the net on other images from time to time; the schedule `plateau` needs it. */
  readonly validation?: ValidationOptions | undefined
  /** Looks now and then whether something is wrong with the run, and says what. Default: it does not. */
  readonly watch?: WatchOptions | undefined
  /**
   * Called after every so many steps, after a validation that was the best, after the last step, and after an
   * abort, with the whole state.
   */
  readonly checkpoint?: {
    readonly every?: number | undefined
    save(snapshot: Snapshot): void | Promise<void>
  }
  /** Told when each call of a step ran: of the tenth from the start, or the last of fewer. For `writeTrace`. */
  readonly onTimeline?: ((spans: readonly Span[], step: number) => void | Promise<void>) | undefined
}

/** One step that is done. */
export interface Step {
  /** From 1. */
  readonly step: number
  /** Steps in all. */
  readonly steps: number
  /** Epochs done, with fraction. */
  readonly epoch: number
  /** Mean cross-entropy of the batch, in nats; with label smoothing, that of the smoothed target. */
  readonly loss: number
  /** Fraction of the batch whose class came first. */
  readonly top1: number
  /** Fraction of the batch whose class was among the first five. */
  readonly top5: number
  readonly lr: number
  /** Where this step is the first with another rate. */
  readonly rateChange?: RateChange
  readonly images: number
  readonly imagesPerSecond: number
  /** Seconds for which the device had nothing to do, since the images of this step were not there yet. */
  readonly waited: number
  /** With `clipNorm`: the gradient's norm before it was clipped. */
  readonly gradientNorm?: number
  /** Of runs whose loss is scaled: the factor on the gradient that this step had. */
  readonly lossScale?: number
  /** Of runs whose loss is scaled: no update was made, since gradients overflowed in this step or the one before. */
  readonly skipped?: boolean
}
