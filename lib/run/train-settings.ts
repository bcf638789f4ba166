import type { FloatDType } from '../native/dtype.ts'
import type { TrainOptions } from '../training/options.ts'

/** Options of `train` that a run saves under the same name. */
type SavedOptions = Pick<
  TrainOptions,
  'epochs' | 'input' | 'labelSmoothing' | 'clipNorm' | 'ema' | 'accumulate'
>

/** The same, either given or left out: JSON knows no undefined. */
type Saved = { readonly [Name in keyof SavedOptions]?: NonNullable<SavedOptions[Name]> }

/** Everything that decides the numbers of a run, except devices and threads. A run keeps it as options.json. */
export interface TrainSettings extends Saved {
  /** One of `recipeNames`, for everything that is not given. */
  readonly recipe?: string
  /** Names of ablations of the recipe, separated by commas. */
  readonly ablate?: string
  /** One of `netNames`. */
  readonly net: string
  /** A name or path for `openData`. Left out: Fashion-MNIST, or `shapes` if that cannot be had. */
  readonly data?: string
  /** The file of weights, or the folder of the run, that the weights of a new run start from. */
  readonly from?: string
  /** With `from`: images are normed by their own mean and deviation, not by those there. Default false. */
  readonly ownInput?: boolean
  /** A mean file of Caffe, whose mean is subtracted in place of the images' own. See `readMeanFile`. */
  readonly meanFile?: string
  /** Layers that stay as they are: 'features', 'all-but-head', or names, separated by commas. See `freezeOf`. */
  readonly freeze?: string
  /** Factor on the rate of the last layer with weights. Default 1. */
  readonly headLr?: number
  /** Floating-point format of activations and gradients. */
  readonly dtype: FloatDType
  /** The dtype in which gradients travel between processes. Default 'f32'. */
  readonly gradientDtype?: 'f32' | 'bf16'
  /** On a GPU: round the factors of f32 products to TF32. */
  readonly tf32?: boolean
  /** On a GPU: equal runs give equal bits. */
  readonly deterministic?: boolean
  /** Images in a batch. */
  readonly batch: number
  /**
   * Of several processes, batch norm takes its statistics over the whole batch, not over each process's share. Default
   * false.
   */
  readonly syncBatchNorm?: boolean
  /** Steps in all, instead of epochs. With neither, as many as fit the time. */
  readonly steps?: number
  /** See `optimizerOf`. */
  readonly optimizer: 'sgd' | 'adam'
  /** Learning rate at the start. */
  readonly lr: number
  /** A range test finds `lr` before the first step. Default false. */
  readonly lrAuto?: boolean
  /**
   * Initial weights: the net's own, as published, or even ones, which suit any number of classes (see
   * `defaultTraining`). Default 'published'.
   */
  readonly start?: 'published' | 'even'
  /** Momentum of SGD; β₁ of Adam. */
  readonly momentum: number
  /** β₂ of Adam; SGD has none. */
  readonly beta2: number
  /** Weight decay λ. */
  readonly weightDecay: number
  /** How the learning rate changes. 'warmConstant' rises as 'warmCosine' does, and stays. */
  readonly schedule: 'constant' | 'warmConstant' | 'cosine' | 'warmCosine' | 'plateau' | 'recipe'
  /**
   * Validate at the end of each epoch. The other options of validation, and the schedule 'plateau', turn validation on
   * as well.
   */
  readonly validate?: boolean
  /** Steps from one validation to the next, instead of epochs. */
  readonly validateEvery?: number
  /** Training images that are held out for validation. Default: validate on the test images. */
  readonly holdOut?: number
  /** Images of the test set that tests and validations use, drawn by the seed. Default: all. */
  readonly testImages?: number
  /** Early stopping: the run ends after this many validations in a row that were not the best. */
  readonly patience?: number
  /** Seeds weights, the order of images and all random draws. */
  readonly seed: number
}
