import { elements, type Shape } from '../../native/layout.ts'
import type { Init } from '../graph/init.ts'
import { type Layer, type LayerNode, type LayerOptions, node, only, requireRank } from '../layer.ts'
import { maskRelu } from './relu.ts'
import { type Padding, type Pair, pair, windowPadding } from './window.ts'

export interface Conv2dOptions extends LayerOptions {
  /** Output channels. */
  readonly filters: number
  /** Height and width of a filter. */
  readonly size: Pair
  /** Default 1. */
  readonly stride?: Pair
  /** 'same' is ⌈input / stride⌉ outputs, the odd cell at the bottom and right. Default 'valid' (0). */
  readonly padding?: Padding
  /** Default 1. */
  readonly dilation?: Pair
  /** Groups of channels that do not see each other. Default 1. */
  readonly groups?: number
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

function fieldsOf(config: Conv2dOptions, [, , height = 0, width = 0]: Shape) {
  const size = pair(config.size)
  const stride = pair(config.stride ?? 1)
  const dilation = pair(config.dilation ?? 1)
  const padding = windowPadding(config.padding ?? 'valid', [height, width], size, stride, dilation)
  return { stride, padding, dilation, groups: config.groups ?? 1 }
}

const layer: Layer<Conv2dOptions> = {
  kind: 'conv2d',

  parameters(config, inputs) {
    const x = only(inputs)
    requireRank(x, 4, 'conv2d')
    const { filters, groups = 1, init = 'he', biasInit = { constant: 0 } } = config
    const channels = x[1] ?? 0
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw new Error(
        `expected groups that divide ${channels} input channels and ${filters} filters, got ${groups}`
      )
    }
    const [height, width] = pair(config.size)
    const shape = [filters, channels / groups, height, width]
    const fanIn = (channels / groups) * height * width
    const fanOut = (filters / groups) * height * width
    const dims = [groups, filters / groups, channels / groups, height, width]
    return [
      {
        name: 'weight',
        shape,
        dims: groups > 1 ? dims : shape,
        init,
        fanIn,
        fanOut,
        rate: config.rate?.weight ?? 1,
        decay: config.decay?.weight ?? 1
      },
      ...(config.bias === false
        ? []
        : [
            {
              name: 'bias',
              shape: [filters],
              init: biasInit,
              fanIn,
              fanOut,
              rate: config.rate?.bias ?? 1,
              decay: config.decay?.bias ?? 1
            }
          ])
    ]
  },

  // Groups stay where their channels are; without groups every filter sees all channels, and a device has some
  // of the filters.
  split(config, _, parts) {
    const { filters, groups = 1 } = config
    const share = { ...config, filters: filters / parts, groups: groups > 1 ? groups / parts : 1 }
    if (!Number.isInteger(share.filters) || !Number.isInteger(share.groups)) return undefined
    return { reads: groups > 1 ? 'slice' : 'whole', config: share }
  },

  async forward(context, config, inputs) {
    const { tape, dtype, training, winograd, defer } = context
    const { weight, bias } = context.parameters
    const x = only(inputs)
    if (!weight) throw new Error('conv2d has no weight')
    const fields = { ...fieldsOf(config, x.dims), winograd }
    const relu = config.relu ?? false
    const y = tape.value('y', dtype)
    const w = tape.weights(weight, dtype)
    await tape.call('conv2d', { ...fields, relu, frozen: !training }, { y, x, w, b: bias?.master })
    y.relu = relu
    return {
      output: y,
      backward: async (dy, [needsDx]) => {
        const masked = relu ? await maskRelu(tape, y, dy) : dy
        await defer(() =>
          tape.call('conv2d_backward_weights', fields, {
            dw: weight.gradient,
            db: bias?.gradient,
            x,
            dy: masked
          })
        )
        if (!needsDx) return []
        const dx = tape.value('dx', dtype, x.dims)
        await tape.call('conv2d_backward_data', fields, {
          dx,
          dy: masked,
          w: tape.weights(weight, dtype)
        })
        return [dx]
      }
    }
  },

  macs(config, inputs, output) {
    const [height, width] = pair(config.size)
    const channels = (only(inputs)[1] ?? 0) / (config.groups ?? 1)
    return elements(output.slice(1)) * channels * height * width
  }
}

/**
 * Convolution over images [N, C, H, W] → [N, filters, H', W'], as cross-correlation.
 *
 * @example
 * conv2d({ filters: 96, size: 11, stride: 4 })
 */
export function conv2d(options: Conv2dOptions): LayerNode {
  return node(layer, options, true)
}
