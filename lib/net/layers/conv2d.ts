import { elements, type Shape } from '../../native/layout.ts'
import { maybe, record, whole } from '../../util/check/rules.ts'
import { checkedNode, fuseRelu, type Layer, type LayerNode, only, requireRank } from '../layer.ts'
import { undoRelu } from './relu.ts'
import { paddingRule, pairRule, weightedRules } from './rules.ts'
import { type WeightedOptions, weightAndBias } from './weighted.ts'
import { type Padding, type Pair, pair, windowPadding } from './window.ts'

/** Options of `conv2d`. */
export interface Conv2dOptions extends WeightedOptions {
  /** The number of filters, which is the number of output channels. */
  readonly filters: number
  /** Size of a filter in cells: [height, width], or one number for both. */
  readonly size: Pair
  /** Cells between windows: [down, across], or one number for both. Default 1. */
  readonly stride?: Pair
  /** Zeros around the input. Default 'valid': none. */
  readonly padding?: Padding
  /** Cells between the elements of a filter: [down, across], or one number for both. Default 1: none are skipped. */
  readonly dilation?: Pair
  /** Splits input channels and filters into so many groups; a filter reads its own group only. Default 1. */
  readonly groups?: number
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
  options: record<Conv2dOptions>({
    ...weightedRules,
    filters: whole({ from: 1 }),
    size: pairRule,
    stride: maybe(pairRule),
    padding: maybe(paddingRule),
    dilation: maybe(pairRule),
    groups: maybe(whole({ from: 1 }))
  }),
  withRelu: fuseRelu,

  parameters(config, inputs) {
    const x = only(inputs)
    requireRank(x, 4, 'conv2d')
    const { filters, groups = 1 } = config
    const channels = x[1] ?? 0
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw new Error(
        `expected groups that divide ${channels} input channels and ${filters} filters, got ${groups}`
      )
    }
    const [height, width] = pair(config.size)
    const shape = [filters, channels / groups, height, width]
    const grouped = [groups, filters / groups, channels / groups, height, width]
    return weightAndBias(config, {
      shape,
      dims: groups > 1 ? grouped : shape,
      fanIn: (channels / groups) * height * width,
      fanOut: (filters / groups) * height * width
    })
  },

  // A device takes whole groups, which read their own channels. Without groups it takes some of the filters, and
  // each filter reads all channels.
  split(config, _, parts) {
    const { filters, groups = 1 } = config
    const share = { ...config, filters: filters / parts, groups: groups > 1 ? groups / parts : 1 }
    if (!Number.isInteger(share.filters) || !Number.isInteger(share.groups)) return undefined
    return { reads: groups > 1 ? 'slice' : 'whole', config: share }
  },

  async forward(context, config, inputs) {
    const { tape, dtype, training, frozen, winograd, defer } = context
    const { weight, bias } = context.parameters
    const x = only(inputs)
    if (!weight) throw new Error('conv2d has no weight')
    const { relu = false } = config
    const fields = { ...fieldsOf(config, x.dims), winograd }
    const y = tape.value('y', dtype)
    const w = tape.weights(weight, dtype)
    const stays = frozen || !training
    await tape.call('conv2d', { ...fields, relu, frozen: stays }, { y, x, w, b: bias?.master })
    y.relu = relu
    return {
      output: y,
      backward: async (dy, [needsDx]) => {
        const dz = relu ? await undoRelu(tape, y, dy) : dy
        const gradients = { dw: weight.gradient, db: bias?.gradient }
        if (!frozen) {
          const args = { ...gradients, x, dy: dz }
          await defer(() => tape.call('conv2d_backward_weights', fields, args))
        }
        if (!needsDx) return []
        const dx = tape.value('dx', dtype, x.dims)
        const read = tape.weights(weight, dtype)
        await tape.call('conv2d_backward_data', fields, { dx, dy: dz, w: read })
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
 * 2-D convolution, as cross-correlation:
 * y[n, o, i, j] = b[o] + Σ w[o, c, u, v] · x[n, c, i·stride + u·dilation - top, j·stride + v·dilation - left].
 *
 * Shapes: [N, C, H, W] → [N, filters, H', W'] with H' = ⌊(H + top + bottom - dilation·(kh - 1) - 1) / stride⌋ + 1.
 * Parameters: weight [filters, C / groups, kh, kw], bias [filters].
 *
 * @throws Error at the build for an input that is not [N, C, H, W], or groups that do not divide C and filters
 *
 * @example
 * conv2d({ filters: 96, size: 11, stride: 4 }) // [N, 3, 227, 227] → [N, 96, 55, 55]
 */
export function conv2d(options: Conv2dOptions): LayerNode {
  return checkedNode(layer, options)
}
