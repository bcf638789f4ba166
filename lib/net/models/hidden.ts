/** The dense layers of models with two towers, which may be linked. */
import type { LayerNode } from '../layer.ts'
import { dense } from '../layers/dense.ts'
import { type DropoutOptions, dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { concat, slice } from '../layers/join.ts'
import type { WeightedOptions } from '../layers/weighted.ts'
import type { Columns, VariantLayers } from './options.ts'

export interface HiddenOptions {
  /** The layer that they read: maps of both towers. */
  readonly from: string
  readonly activation: VariantLayers['activation']
  readonly columns: Columns
  /** Scales filters and units by the model's width. */
  readonly scale: (count: number) => number
  readonly classes: number
  readonly drop: Omit<DropoutOptions, 'name' | 'inputs'>
  /** Initial parameters of fc6 and fc7. */
  readonly init: Pick<WeightedOptions, 'init' | 'biasInit'>
  /** Initial parameters of fc8. */
  readonly lastInit: Pick<WeightedOptions, 'init' | 'biasInit'>
}

/**
 * fc6 to fc8. Without links each tower has its own fc6 and fc7, named fc6a, fc6b, …, and fc8 reads both, as in run
 * #150 of the original code.
 */
export function hiddenLayers(options: HiddenOptions): LayerNode[] {
  const { from: maps, activation, columns, scale, classes, drop, init, lastInit } = options
  const [six, seven] = columns.hidden
  const last = dense({ name: 'fc8', units: classes, ...lastInit })
  const pair = (tower: string, towers: number): LayerNode[] => [
    dense({ name: `fc6${tower}`, units: scale(six) / towers, ...init }),
    activation(),
    dropout({ name: `drop6${tower}`, ...drop }),
    dense({ name: `fc7${tower}`, units: scale(seven) / towers, ...init }),
    activation(),
    dropout({ name: `drop7${tower}`, ...drop })
  ]
  if (columns.linked === 1) return [flatten(), ...pair('', 1), last]
  const count = scale(columns.filters[4]) / 2
  const tower = (name: string, from: number): LayerNode[] => [
    slice({ name: `tower${name}`, inputs: [maps], from, count }),
    flatten(),
    ...pair(name, 2)
  ]
  const joined = concat({ name: 'towers', inputs: ['drop7a', 'drop7b'] })
  return [...tower('a', 0), ...tower('b', count), joined, last]
}
