/** What a recipe is: all that decided how a known net was trained and tested, as plain data. */

import type { NamedNetOptions, NetName } from '../../net/models/index.ts'
import type { InputRecipe } from '../../training/input/augment.ts'

/** A learning rate over a run. */
export interface RateCourse {
  /** At the start. */
  readonly rate: number
  /** What it is from an epoch on, in order. 0 freezes. */
  readonly changes?: readonly { readonly epoch: number; readonly rate: number }[]
  /** Or: times `factor` whenever the validation error stops getting less, `drops` times in all. */
  readonly plateau?: { readonly factor: number; readonly drops: number }
}

/** Something that weights and biases have each. */
export interface ByKind<T> {
  readonly weight: T
  readonly bias: T
}

/** Errors that a recipe is known to reach, as fractions. */
export interface ExpectedErrors {
  /** 'ILSVRC-2010 test' */
  readonly on: string
  /** 1: the centre crop; 10: the mean of centre and corners, each mirrored, too. */
  readonly views: 1 | 10
  readonly top1: number
  readonly top5: number
  readonly source: string
}

/** How fast a recipe, or a net like its own, was trained elsewhere. */
export interface KnownSpeed {
  readonly on: string
  readonly batch: number
  /** Images a second, from the slowest to the fastest. */
  readonly imagesPerSecond: readonly [number, number]
}

export interface Recipe {
  readonly name: string
  /** A line for people. */
  readonly title: string
  /** Where its figures stand. */
  readonly sources: readonly string[]
  /** One of the named nets, with its start, its dropout and its norms, and what it is told. */
  readonly net: { readonly name: NetName; readonly options: NamedNetOptions }
  /** How photographs were made one size before all else. */
  readonly photos: {
    /** 'crop': the short side to `size`, then the centre; 'warp': both sides to `size`. */
    readonly form: 'crop' | 'warp'
    readonly size: number
    readonly channels: 'RGB' | 'BGR'
  }
  /** What happens to a stored image on its way to the net. */
  readonly input: InputRecipe
  /** Images a step. */
  readonly batch: number
  readonly epochs: number
  /** 'paper': v ← m·v - λ·ε·w - ε·g, w ← w + v. 'pytorch': v ← m·v + g + λ·w, w ← w - ε·v. */
  readonly update: { readonly form: 'paper' | 'pytorch'; readonly momentum: number }
  /** ε. Layers that are not named have those of all. */
  readonly rates: ByKind<RateCourse> & {
    readonly layers?: Readonly<Record<string, ByKind<RateCourse>>>
  }
  /** λ. */
  readonly decay: ByKind<number>
  /** How it was tested; what dropout does then is a matter of the net. */
  readonly test: { readonly views: 1 | 10 }
  readonly expected: readonly ExpectedErrors[]
  /** What is known of it with one thing taken away, by the name of the ablation. */
  readonly ablated?: Readonly<Record<string, readonly ExpectedErrors[]>>
  /** What it ran at elsewhere. */
  readonly speeds?: readonly KnownSpeed[]
  /** What was taken away. */
  readonly without?: readonly string[]
  /** Where what is run here is not what the source did. */
  readonly differs: readonly string[]
}

/** The rate at a time of a run, counted in epochs; of a course by plateau, its start. */
export function rateAt({ rate, changes = [] }: RateCourse, epoch: number): number {
  // Epochs that were worked out from steps may be off by rounding.
  return changes.findLast((change) => epoch + 1e-9 >= change.epoch)?.rate ?? rate
}

/** The course of a parameter: its layer's own, or that of its kind. */
export function courseOf({ rates }: Recipe, layer: string, kind: string): RateCourse {
  const courses = rates.layers?.[layer] ?? rates
  return kind === 'bias' ? courses.bias : courses.weight
}
