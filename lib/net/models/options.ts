/** What the nets after AlexNet have in common: what they can be told, and the parts that change by it. */

import type { LayerNode } from '../layer.ts'
import { tanh } from '../layers/activation.ts'
import { maxPool } from '../layers/pool.ts'
import { relu } from '../layers/relu.ts'
import type { InputShape } from '../spec.ts'

/** What every net after AlexNet can be told. */
export interface NetVariant {
  /** Default 1000. */
  readonly classes?: number
  /** Default: as the net's own text says. */
  readonly input?: InputShape
  /** Chance of dropping a value in each dropout layer. Default .5. */
  readonly dropout?: number
  /** Filters and hidden units as a fraction of the usual ones. Default 1. */
  readonly width?: number
  /** Windows of max pooling, 2 apart: overlapping '3x3' or '2x2'. Default '3x3'. */
  readonly pool?: '3x3' | '2x2'
  /** Default 'relu'. */
  readonly activation?: 'relu' | 'tanh'
}

/** What nets of two towers can be told besides. */
export interface TowerVariant extends NetVariant {
  /** Default 2. One is half as wide, up to conv5: see `columnsOf`. */
  readonly columns?: 1 | 2
  /** Whether conv3, fc6 and fc7 see both towers. Default true. */
  readonly links?: boolean
}

/** The layers that a variant decides. */
export interface Parts {
  readonly pool: (name: string) => LayerNode
  readonly activation: (name?: string) => LayerNode
  /** Of conv2, so that the maps of conv3 to conv5 stay as large with either pooling. */
  readonly padding2: number
}

/**
 * The parts of a variant. Windows of 2×2 count where they are only partly inside, and conv2 has a border of 1
 * then: so did run #147 of the original code, whose maps are 28, 26, 13 and 7 wide.
 */
export function partsOf({ pool = '3x3', activation = 'relu' }: NetVariant): Parts {
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
    padding2: overlapping ? 2 : 1
  }
}

/** How wide a net of two towers is, and what sees what. */
export interface Columns {
  /** Of conv1 to conv5, both towers together. */
  readonly filters: readonly [number, number, number, number, number]
  /** Of fc6 and fc7, both towers together. */
  readonly hidden: readonly [number, number]
  /** Groups of layers that see their own tower. */
  readonly own: 1 | 2
  /** Groups of conv3. */
  readonly linked: 1 | 2
}

/**
 * The widths of a variant. One column keeps 256 filters in conv5 and 4096 hidden units, since it would else
 * have half the parameters (the paper's footnote 2; run #145-half). Towers without links have 160 filters each
 * in conv2 and 4096 units each in fc6, for the same reason (run #150).
 */
export function columnsOf({ columns = 2, links = true }: TowerVariant): Columns {
  if (columns === 1) {
    return { filters: [48, 128, 192, 192, 256], hidden: [4096, 4096], own: 1, linked: 1 }
  }
  if (!links) return { filters: [96, 320, 384, 384, 256], hidden: [8192, 4096], own: 2, linked: 2 }
  return { filters: [96, 256, 384, 384, 256], hidden: [4096, 4096], own: 2, linked: 1 }
}
