/** What a build is told. */
import type { Stream } from '../engine/stream.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Parameters } from './graph/parameters.ts'
import type { Parallel } from './placement/placement.ts'

export interface BuildOptions {
  /** Images in a batch. */
  readonly batch: number
  /** Of activations, and of the weights that ops read; masters are always f32. Default 'f32'. */
  readonly dtype?: FloatDType
  /** False: forward alone, for evaluation and prediction. Default true. */
  readonly training?: boolean
  /** Decides the initial weights and every random draw of training. Default 1. */
  readonly seed?: number
  /** What it will be trained with: the plan then counts its state. */
  readonly optimizer?: Optimizer
  /** As it will be trained with it: the plan then counts the weights' average. */
  readonly ema?: number | undefined
  /** As it will be trained with it: the plan then counts the sums of gradients. */
  readonly accumulate?: number | undefined
  /** Fuse neighbouring layers into one op where that is known to help. Default true. */
  readonly fuse?: boolean
  /**
   * On a CPU in f32: convolutions by Winograd's method where that is faster, exact to about 3e-5 of the largest
   * output. Default true.
   */
  readonly winograd?: boolean
  /** Those of another build of the same net, to share. Default: new ones, filled as the layers say. */
  readonly parameters?: Parameters
  /** How several devices share the net. Default 'model': each owns a slice of the channels. */
  readonly parallel?: Parallel
  /** The stream to work on, where there is one device. Default: one of its own. */
  readonly stream?: Stream
}
