/** The dense end of a net of two towers, with links between them or without. */
import type { LayerNode } from '../layer.ts'
import { type DenseOptions, dense } from '../layers/dense.ts'
import { type DropoutOptions, dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { concat, slice } from '../layers/join.ts'
import type { Columns, Parts } from './options.ts'

export interface HiddenOptions {
  /** The name of the layer that they read. */
  readonly from: string
  readonly parts: Parts
  readonly columns: Columns
  /** Filters or units at the net's width. */
  readonly of: (count: number) => number
  readonly classes: number
  readonly drop: DropoutOptions
  /** How fc6 and fc7 begin. */
  readonly start: Pick<DenseOptions, 'init' | 'biasInit'>
  /** How fc8 begins. */
  readonly startLast: Pick<DenseOptions, 'init' | 'biasInit'>
}

/**
 * fc6 to fc8. Without links each tower has its own fc6 and fc7, called fc6a, fc6b and
 * so on; fc8 sees both, as in run #150 of the original code.
 */
export function hiddenLayers(options: HiddenOptions): LayerNode[] {
  const { from: maps, parts, columns, of, classes, drop, start, startLast } = options
  const [six, seven] = columns.hidden
  const last = dense({ name: 'fc8', units: classes, ...startLast })
  const pair = (tower: string, share: number): LayerNode[] => [
    dense({ name: `fc6${tower}`, units: of(six) / share, ...start }),
    parts.activation(),
    dropout({ name: `drop6${tower}`, ...drop }),
    dense({ name: `fc7${tower}`, units: of(seven) / share, ...start }),
    parts.activation(),
    dropout({ name: `drop7${tower}`, ...drop })
  ]
  if (columns.linked === 1) return [flatten(), ...pair('', 1), last]
  const count = of(columns.filters[4]) / 2
  const tower = (name: string, from: number): LayerNode[] => [
    slice({ name: `tower${name}`, inputs: [maps], from, count }),
    flatten(),
    ...pair(name, 2)
  ]
  const joined = concat({ name: 'towers', inputs: ['drop7a', 'drop7b'] })
  return [...tower('a', 0), ...tower('b', count), joined, last]
}
