import type { ResizeFilter } from '../../data/dataset.ts'
import type { NamedNetOptions, NetName } from '../../net/models/index.ts'
import type { InputRecipe } from '../../training/input/augment.ts'
import type { Sampling } from '../../training/loop/sampling.ts'
import { checkArguments } from '../../util/check/check.ts'
import { list, maybe, number, plain, type Rule, record, text } from '../../util/check/rules.ts'

/** A learning rate over the course of a run. */
export interface RateCourse {
  /** At the start. */
  readonly rate: number
  /** Rates from given epochs on, in order. A rate of 0 freezes the parameters. */
  readonly changes?: readonly {
    /** From this epoch on. */
    readonly epoch: number
    /** The learning rate. */
    readonly rate: number
  }[]
  /** Instead of `changes`: drops the rate when the validation error stalls. */
  readonly plateau?: {
    /** The factor on the rate at each drop. */
    readonly factor: number
    /** Drops at most. */
    readonly drops: number
  }
}

/** A value for weights and one for biases. */
export interface ByKind<T> {
  /** The value for weights. */
  readonly weight: T
  /** The value for biases. */
  readonly bias: T
}

/** Errors that a recipe is known to reach, as fractions. */
export interface ExpectedErrors {
  /** The images, such as 'ILSVRC-2010 test'. */
  readonly on: string
  /** 1: the centre crop. 10: centre and corners, each also flipped, averaged. */
  readonly views: 1 | 10
  /** Top-1 error. */
  readonly top1: number
  /** Top-5 error. */
  readonly top5: number
  /** Where the errors are reported. */
  readonly source: string
}

/** How fast a recipe, or a similar net, was trained elsewhere. */
export interface KnownSpeed {
  /** Hardware and software. */
  readonly on: string
  /** Images in a batch. */
  readonly batch: number
  /** Images a second, from the slowest to the fastest. */
  readonly imagesPerSecond: readonly [number, number]
}

/** SGD with momentum. */
export interface SgdUpdate {
  /** 'paper': v ← m·v - λ·ε·w - ε·g, w ← w + v. 'pytorch': v ← m·v + g + λ·w, w ← w - ε·v. */
  readonly form: 'paper' | 'pytorch'
  /** m. */
  readonly momentum: number
}

/** Adam. */
export interface AdamUpdate {
  /** As in `adam`, with λ·w added to the gradient. */
  readonly form: 'adam'
  /** Decay of the mean of gradients. */
  readonly beta1: number
  /** Decay of the mean of squared gradients. */
  readonly beta2: number
}

/** How a known net was trained and tested, as plain data. */
export interface Recipe {
  /** The name that `recipeByName` takes. */
  readonly name: string
  /** One line for people. */
  readonly title: string
  /** Where its numbers come from. */
  readonly sources: readonly string[]
  /** One of the named nets, and its options. */
  readonly net: {
    /** The name that `netByName` takes. */
    readonly name: NetName
    /** Options of the net. */
    readonly options: NamedNetOptions
  }
  /** How photographs were brought to one size beforehand. Undefined: the images were of one size. */
  readonly photos?: {
    /** 'crop': the short side to `size`, then the centre; 'warp': both sides to `size`. */
    readonly form: 'crop' | 'warp'
    /** Pixels a side. */
    readonly size: number
    /** Order of the channels. */
    readonly channels: 'RGB' | 'BGR'
    /** By which filter, if not by 'lanczos3'. */
    readonly filter?: ResizeFilter
  }
  /** How stored images become the net's input. */
  readonly input: InputRecipe
  /** First training images that are not trained on. Default 0. */
  readonly skip?: number
  /** How images are drawn. Default: each once an epoch. */
  readonly sampling?: Sampling
  /** Images a step. */
  readonly batch: number
  /** Passes over the training images. */
  readonly epochs: number
  /** Steps in all, where the source counts images or steps: `epochs` is then that many on its set. */
  readonly steps?: number
  /** How weights were updated. */
  readonly update: SgdUpdate | AdamUpdate
  /** Learning rates ε, and those of single layers. */
  readonly rates: ByKind<RateCourse> & {
    /** By layer's name, for layers with rates of their own. */
    readonly layers?: Readonly<Record<string, ByKind<RateCourse>>>
  }
  /** Weight decay λ. */
  readonly decay: ByKind<number>
  /** How it was tested. */
  readonly test: {
    /** As in `evaluate`. */
    readonly views: 1 | 10
    /** First test images that are tested on. Default: all. */
    readonly images?: number
  }
  /** Errors that it is known to reach. */
  readonly expected: readonly ExpectedErrors[]
  /** Known errors of its ablations, by name. */
  readonly ablated?: Readonly<Record<string, readonly ExpectedErrors[]>>
  /** Known speeds. */
  readonly speeds?: readonly KnownSpeed[]
  /** Ablations that were applied. */
  readonly without?: readonly string[]
  /** Differences between what runs here and the source, a sentence each. */
  readonly differs: readonly string[]
}

/** What is read of a recipe first: those of `recipes` are whole. */
export const recipeRule: Rule = record<
  Pick<Recipe, 'name' | 'net' | 'update' | 'rates' | 'decay' | 'test'>
>(
  { name: text, net: plain, update: plain, rates: plain, decay: plain, test: plain },
  { open: true, expected: 'a recipe, as recipeByName() returns it' }
)
const courseRule = record<RateCourse>(
  { rate: number({ from: 0 }), changes: maybe(list(plain)), plateau: maybe(plain) },
  { open: true }
)

/**
 * Returns the learning rate at an epoch, fractions included; of a course by plateau, the rate at the start.
 *
 * @example
 * const rate = rateAt(recipeByName('caffe').rates.weight, 45)
 */
export function rateAt(course: RateCourse, epoch: number): number {
  checkArguments('recipe', { course: [course, courseRule], epoch: [epoch, number({ from: 0 })] })
  const { rate, changes = [] } = course
  // Epochs computed from steps may be off by rounding.
  return changes.findLast((change) => epoch + 1e-9 >= change.epoch)?.rate ?? rate
}

/** The course of a parameter: its layer's own, or that of all layers. */
export function courseOf({ rates }: Recipe, layer: string, kind: string): RateCourse {
  const courses = rates.layers?.[layer] ?? rates
  return kind === 'bias' ? courses.bias : courses.weight
}
