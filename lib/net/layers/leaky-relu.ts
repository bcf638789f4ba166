import { f32, maybe, record } from '../../util/check/rules.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { layerRules } from './rules.ts'

/** Options of `leakyRelu`. */
export interface LeakyReluOptions extends LayerOptions {
  /** Factor on values below 0; not negative. Default .01. */
  readonly slope?: number
}

const layer: Layer<LeakyReluOptions> = {
  kind: 'leaky_relu',
  options: record<LeakyReluOptions>({ ...layerRules, slope: maybe(f32({ from: 0 })) }),
  isActivation: true,
  split: byChannel,
  async forward({ tape, dtype }, { slope = 0.01 }, inputs) {
    const x = only(inputs)
    const y = tape.value('y', dtype)
    await tape.call('leaky_relu', { slope }, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const aligned = await tape.inLayout(dy, y.layout)
        const dx = tape.inPlace(aligned)
        await tape.call('leaky_relu_backward', { slope }, { dx, y, dy: aligned })
        return [dx]
      }
    }
  }
}

/**
 * Leaky rectified linear unit: y = x where x ≥ 0, slope · x elsewhere. Any shape, kept.
 *
 * Source: Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic models".
 *
 * @throws RangeError for a slope below 0
 *
 * @example
 * leakyRelu({ slope: 0.1 })
 */
export function leakyRelu(options: LeakyReluOptions = {}): LayerNode {
  return checkedNode(layer, options)
}
