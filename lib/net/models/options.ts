/** Options of the models, and the layers that they change. */

import { f32, flag, maybe, number, oneOf, type Rules, whole } from '../../util/check/rules.ts'
import { inputRule } from '../input-rule.ts'
import type { LayerNode } from '../layer.ts'
import { tanh } from '../layers/activation.ts'
import { maxPool } from '../layers/pool.ts'
import { relu } from '../layers/relu.ts'
import type { InputShape } from '../spec.ts'

/** Options of every model. */
export interface NetVariant {
  /** The number of logits. Default 1000, or 10 for `fashion` and `cifar`. */
  readonly classes?: number
  /** Size of the input images. Default: the model's, as its text says. */
  readonly input?: InputShape
  /** Probability of dropping a value in each dropout layer. Default .5, or .1 for `cifar`. */
  readonly dropout?: number
  /** Factor on the numbers of filters and hidden units. Default 1. */
  readonly width?: number
  /** Windows of max pooling, with stride 2: '3x3', which overlap, or '2x2'. Default '3x3'. */
  readonly pool?: '3x3' | '2x2'
  /** Activation after each convolution and hidden layer. Default 'relu'. */
  readonly activation?: 'relu' | 'tanh'
}

/** Options of models with two towers. */
export interface TowerVariant extends NetVariant {
  /** The number of towers. One tower has half the filters up to conv4, and the same number from conv5 on. Default 2. */
  readonly columns?: 1 | 2
  /** True if conv3, fc6 and fc7 read both towers. Default true. */
  readonly links?: boolean
}

/** What options of every model must be. */
export const variantRules: Rules<NetVariant> = {
  classes: maybe(whole({ from: 1 })),
  input: maybe(inputRule),
  dropout: maybe(f32({ from: 0, below: 1 })),
  width: maybe(number({ above: 0 })),
  pool: maybe(oneOf('3x3', '2x2')),
  activation: maybe(oneOf('relu', 'tanh'))
}

/** What options of models with two towers must be. */
export const towerRules: Rules<TowerVariant> = {
  ...variantRules,
  columns: maybe(oneOf(1, 2)),
  links: maybe(flag)
}

/** Norm layers: LRN, or none. */
export const normRule = maybe(oneOf('lrn', 'none'))

/** The layers that a variant changes. */
export interface VariantLayers {
  readonly pool: (name: string) => LayerNode
  readonly activation: (name?: string) => LayerNode
  /** Padding of conv2, so that conv3 to conv5 have the same maps with either pooling. */
  readonly conv2Padding: number
}

/**
 * The layers of a variant. 2×2 pooling keeps windows that are partly inside and pads conv2 by 1, as run #147 of the
 * original code did: its maps are 28, 26, 13 and 7 wide.
 */
export function variantLayers({ pool = '3x3', activation = 'relu' }: NetVariant): VariantLayers {
  const overlapping = pool === '3x3'
  return {
    pool: (name) =>
      overlapping
        ? maxPool({ name, size: 3, stride: 2 })
        : maxPool({ name, size: 2, stride: 2, ceil: true }),
    activation: (name) => {
      const options = name === undefined ? {} : { name }
      return activation === 'relu' ? relu(options) : tanh(options)
    },
    conv2Padding: overlapping ? 2 : 1
  }
}

/** Widths and groups of a model with two towers. */
export interface Columns {
  /** Filters of conv1 to conv5, both towers together. */
  readonly filters: readonly [number, number, number, number, number]
  /** Units of fc6 and fc7, both towers together. */
  readonly hidden: readonly [number, number]
  /** Groups of layers that read their own tower only. */
  readonly own: 1 | 2
  /** Groups of conv3, fc6 and fc7: 1 if they read both towers. */
  readonly linked: 1 | 2
}

/**
 * The widths of a variant. One tower keeps 256 filters in conv5 and 4096 hidden units, so that it does not lose half
 * of the parameters (footnote 2 of the paper; run #145-half). Towers without links have 160 filters each in conv2
 * and 4096 units each in fc6, for the same reason (run #150).
 */
export function columnsOf({ columns = 2, links = true }: TowerVariant): Columns {
  if (columns === 1) {
    return { filters: [48, 128, 192, 192, 256], hidden: [4096, 4096], own: 1, linked: 1 }
  }
  if (!links) return { filters: [96, 320, 384, 384, 256], hidden: [8192, 4096], own: 2, linked: 2 }
  return { filters: [96, 256, 384, 384, 256], hidden: [4096, 4096], own: 2, linked: 1 }
}
