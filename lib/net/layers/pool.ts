import { flag, maybe, record } from '../../util/check/rules.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only,
  requireRank
} from '../layer.ts'
import { layerRules, paddingRule, pairRule } from './rules.ts'
import { type Padding, type Pair, pair, windowPadding } from './window.ts'

/** Options of `maxPool` and `avgPool`. */
export interface PoolOptions extends LayerOptions {
  /** Size of a window in cells: [height, width], or one number for both. */
  readonly size: Pair
  /** Cells between windows: [down, across], or one number for both. Default: the size, so that none overlap. */
  readonly stride?: Pair
  /** Border around the input, which `maxPool` ignores and `avgPool` takes as zeros. Default 'valid': none. */
  readonly padding?: Padding
  /** Keeps a last window that is only partly inside the input. Default false. */
  readonly ceil?: boolean
  /** `avgPool` only: counts the padding in a window when it divides. Default true. */
  readonly includePadding?: boolean
}

const poolOptions = record<PoolOptions>({
  ...layerRules,
  size: pairRule,
  stride: maybe(pairRule),
  padding: maybe(paddingRule),
  ceil: maybe(flag),
  includePadding: maybe(flag)
})

function fieldsOf(config: PoolOptions, [, , height = 0, width = 0]: readonly number[]) {
  const kernel = pair(config.size)
  const stride = pair(config.stride ?? config.size)
  const padding = windowPadding(config.padding ?? 'valid', [height, width], kernel, stride)
  return { kernel, stride, padding, ceil: config.ceil ?? false }
}

const maxLayer: Layer<PoolOptions> = {
  kind: 'max_pool',
  options: poolOptions,
  split: byChannel,
  async forward({ tape, dtype, keeps }, config, inputs) {
    const x = only(inputs)
    requireRank(x.dims, 4, 'max_pool')
    const fields = fieldsOf(config, x.dims)
    const y = tape.value('y', dtype)
    const wide = fields.kernel[0] * fields.kernel[1] > 256
    const index = keeps ? tape.value('index', wide ? 'i32' : 'u8') : undefined
    await tape.call('max_pool', fields, { y, x, index })
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype, x.dims)
        const aligned = await tape.inLayout(dy, y.layout)
        await tape.call('max_pool_backward', fields, { dx, dy: aligned, index })
        return [dx]
      }
    }
  }
}

const avgLayer: Layer<PoolOptions> = {
  kind: 'avg_pool',
  options: poolOptions,
  split: byChannel,
  async forward({ tape, dtype }, config, inputs) {
    const x = only(inputs)
    requireRank(x.dims, 4, 'avg_pool')
    const fields = { ...fieldsOf(config, x.dims), include_padding: config.includePadding ?? true }
    const y = tape.value('y', dtype)
    await tape.call('avg_pool', fields, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype, x.dims)
        await tape.call('avg_pool_backward', fields, { dx, dy })
        return [dx]
      }
    }
  }
}

/**
 * Max pooling: the largest value of each window; in a tie the first in row-major order gets the gradient.
 *
 * Shapes: [N, C, H, W] → [N, C, H', W'] with H' = ⌊(H + top + bottom - height) / stride⌋ + 1, or ⌈…⌉ with `ceil`.
 *
 * @throws Error at the build for an input that is not [N, C, H, W]
 *
 * @example
 * maxPool({ size: 3, stride: 2 }) // overlapping, as in the AlexNet paper
 */
export function maxPool(options: PoolOptions): LayerNode {
  return checkedNode(maxLayer, options)
}

/**
 * Average pooling: the mean of each window. Shapes as for `maxPool`.
 *
 * @throws Error at the build for an input that is not [N, C, H, W]
 *
 * @example
 * avgPool({ size: 2 })
 */
export function avgPool(options: PoolOptions): LayerNode {
  return checkedNode(avgLayer, options)
}
