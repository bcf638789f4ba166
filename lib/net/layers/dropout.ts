import { f32, maybe, oneOf, record } from '../../util/check/rules.ts'
import { fnv1a } from '../../util/random.ts'
import type { Value } from '../graph/value.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { layerRules } from './rules.ts'

/** Options of `dropout`. */
export interface DropoutOptions extends LayerOptions {
  /** Probability that a value is dropped, from 0 to below 1. Default .5. */
  readonly rate?: number
  /**
   * When values are scaled, so that training and inference have the same mean. 'train': training divides the values
   * that it keeps by 1 - rate, as all libraries do today. 'test': inference multiplies by 1 - rate, as in the AlexNet
   * paper. Default 'train'.
   */
  readonly scaleAt?: 'train' | 'test'
}

const layer: Layer<DropoutOptions> = {
  kind: 'dropout',
  options: record<DropoutOptions>({
    ...layerRules,
    rate: maybe(f32({ from: 0, below: 1 })),
    scaleAt: maybe(oneOf('train', 'test'))
  }),
  mask: { passes: true },
  split: byChannel,
  async forward({ tape, dtype, training, name, rng, slice }, config, inputs) {
    const x = only(inputs)
    const { rate = 0.5, scaleAt = 'train' } = config
    const identity = { output: x, backward: async (dy: Value) => [dy] }
    if (rate === 0) return identity
    const y = tape.value('y', dtype)
    if (!training) {
      if (scaleAt === 'train') return identity
      await tape.call('scale', { factor: 1 - rate }, { y, x })
      return {
        output: y,
        backward: () => Promise.reject(new Error('dropout was built for inference'))
      }
    }
    const scale = scaleAt === 'train' ? 1 / (1 - rate) : 1
    const channels = x.dims[1] ?? 0
    const fields = {
      rate,
      scale,
      purpose: fnv1a(`${name}/dropout`),
      // A slice draws the numbers of its channels in the whole layer.
      ...(slice.of > 1 && { channels: slice.of * channels, channel_offset: slice.index * channels })
    }
    await tape.call('dropout', fields, { y, x, rng })
    y.mask = x.mask
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype)
        await tape.call('dropout_backward', fields, {
          dx,
          dy: await tape.inLayout(dy, x.layout),
          rng
        })
        dx.masked = dy.masked
        return [dx]
      }
    }
  }
}

/**
 * Dropout: training sets each value to zero with probability `rate`; inference keeps all. The draws depend on the
 * seed, the step, the layer's name and the value's place, and not on the devices. Any shape, kept.
 *
 * Source: Hinton et al. 2012, "Improving neural networks by preventing co-adaptation of feature detectors".
 *
 * @throws Error at the build for a rate that is not from 0 to below 1
 *
 * @example
 * dropout({ rate: 0.5 })
 */
export function dropout(options: DropoutOptions = {}): LayerNode {
  return checkedNode(layer, options)
}
