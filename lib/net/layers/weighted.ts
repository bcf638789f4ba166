/** What convolutions and dense layers have in common: weights and a bias. */
import type { Shape } from '../../native/layout.ts'
import type { Init } from '../graph/init.ts'
import type { ParameterSpec } from '../graph/parameter.ts'
import type { FusedReluOptions, LayerOptions } from '../layer.ts'

/** Options of layers with weights and a bias. */
export interface WeightedOptions extends LayerOptions, FusedReluOptions {
  /** Adds one learnt number to each output channel. Default true. */
  readonly bias?: boolean
  /** Initial weights. Default 'he'. */
  readonly init?: Init
  /** Initial bias. Default { constant: 0 }. */
  readonly biasInit?: Init
  /** Factors on the learning rate. Default 1 each. */
  readonly rate?: {
    /** For the weights. */
    readonly weight?: number
    /** For the bias. */
    readonly bias?: number
  }
  /** Factors on the weight decay. Default 1 each. */
  readonly decay?: {
    /** For the weights. */
    readonly weight?: number
    /** For the bias. */
    readonly bias?: number
  }
}

/** Shapes of a layer's weights. */
export interface WeightShape extends Pick<ParameterSpec, 'shape' | 'dims'> {
  /** [O, C, kh, kw] or [out, in]. */
  readonly shape: Shape
  readonly fanIn: number
  readonly fanOut: number
}

/** Declares `weight` and, unless it is turned off, `bias`: one number for each row of the weights. */
export function weightAndBias(
  { bias = true, init = 'he', biasInit = { constant: 0 }, rate, decay }: WeightedOptions,
  { fanIn, fanOut, ...shapes }: WeightShape
): ParameterSpec[] {
  const weight: ParameterSpec = {
    name: 'weight',
    ...shapes,
    init,
    fanIn,
    fanOut,
    rate: rate?.weight ?? 1,
    decay: decay?.weight ?? 1
  }
  if (!bias) return [weight]
  return [
    weight,
    {
      name: 'bias',
      shape: shapes.shape.slice(0, 1),
      init: biasInit,
      fanIn,
      fanOut,
      rate: rate?.bias ?? 1,
      decay: decay?.bias ?? 1
    }
  ]
}
