import type { Init } from '../graph/init.ts'
import { type Layer, type LayerNode, type LayerOptions, node, only, requireRank } from '../layer.ts'
import { maskRelu } from './relu.ts'

export interface DenseOptions extends LayerOptions {
  /** Outputs. */
  readonly units: number
  /** Default true. */
  readonly bias?: boolean
  /** Default 'he'. */
  readonly init?: Init
  /** Default 0. */
  readonly biasInit?: Init
  /** A ReLU inside the op; `relu()` after it is fused to the same. Default false. */
  readonly relu?: boolean
  /** Factors on the learning rate. Default 1. */
  readonly rate?: { readonly weight?: number; readonly bias?: number }
  /** Factors on the weight decay. Default 1. */
  readonly decay?: { readonly weight?: number; readonly bias?: number }
}

const layer: Layer<DenseOptions> = {
  kind: 'dense',

  parameters(config, inputs) {
    const x = only(inputs)
    requireRank(x, 2, 'dense')
    const fanIn = x[1] ?? 0
    const fanOut = config.units
    const weight = {
      name: 'weight',
      shape: [fanOut, fanIn],
      init: config.init ?? 'he',
      fanIn,
      fanOut,
      rate: config.rate?.weight ?? 1,
      decay: config.decay?.weight ?? 1
    }
    if (config.bias === false) return [weight]
    const bias = {
      name: 'bias',
      shape: [fanOut],
      init: config.biasInit ?? { constant: 0 },
      fanIn,
      fanOut,
      rate: config.rate?.bias ?? 1,
      decay: config.decay?.bias ?? 1
    }
    return [weight, bias]
  },

  split(config, _, parts) {
    const units = config.units / parts
    return Number.isInteger(units) ? { reads: 'whole', config: { ...config, units } } : undefined
  },

  async forward({ tape, dtype, keepsMask, parameters: { weight, bias }, defer }, config, inputs) {
    const x = await tape.as(only(inputs), 'ab')
    if (!weight) throw new Error('dense has no weight')
    const relu = config.relu ?? false
    const y = tape.value('y', dtype)
    const w = tape.weights(weight, dtype)
    // Bits come in whole pieces of 128, as cublasLt has them.
    const mask =
      keepsMask && relu && config.units % 128 === 0 ? tape.value('mask', 'u8') : undefined
    await tape.call('dense', { relu }, { y, mask, x, w, b: bias?.master })
    y.relu = relu
    y.mask = mask
    return {
      output: y,
      backward: async (dy, [needsDx]) => {
        const masked = relu ? await maskRelu(tape, y, dy) : dy
        await defer(() =>
          tape.call(
            'dense_backward_weights',
            {},
            {
              dw: weight.gradient,
              db: bias?.gradient,
              x,
              dy: masked
            }
          )
        )
        if (!needsDx) return []
        const dx = tape.value('dx', dtype)
        await tape.call(
          'dense_backward_data',
          {},
          { dx, dy: masked, w: tape.weights(weight, dtype), mask: x.mask }
        )
        dx.masked = x.mask !== undefined
        return [dx]
      }
    }
  },

  macs(config, inputs) {
    return config.units * (only(inputs)[1] ?? 0)
  }
}

/** Fully connected: [N, C] → [N, units]. */
export function dense(options: DenseOptions): LayerNode {
  return node(layer, options, true)
}
