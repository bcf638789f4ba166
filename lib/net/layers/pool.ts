import {
  byChannel,
  type Layer,
  type LayerNode,
  type LayerOptions,
  node,
  only,
  requireRank
} from '../layer.ts'
import { type Padding, type Pair, pair, windowPadding } from './window.ts'

export interface PoolOptions extends LayerOptions {
  readonly size: Pair
  /** Default: the size, so that windows do not overlap. */
  readonly stride?: Pair
  /** Default 'valid'. */
  readonly padding?: Padding
  /** Keep a last window that is only partly inside. Default false. */
  readonly ceil?: boolean
  /** `avgPool` only: divide by the whole window even where padding is in it. Default true. */
  readonly includePadding?: boolean
}

function fieldsOf(config: PoolOptions, [, , height = 0, width = 0]: readonly number[]) {
  const kernel = pair(config.size)
  const stride = pair(config.stride ?? config.size)
  const padding = windowPadding(config.padding ?? 'valid', [height, width], kernel, stride)
  return { kernel, stride, padding, ceil: config.ceil ?? false }
}

const maxLayer: Layer<PoolOptions> = {
  kind: 'max_pool',
  split: byChannel,
  async forward({ tape, dtype, training }, config, inputs) {
    const x = only(inputs)
    requireRank(x.dims, 4, 'max_pool')
    const fields = fieldsOf(config, x.dims)
    const y = tape.value('y', dtype)
    const wide = fields.kernel[0] * fields.kernel[1] > 256
    const index = training ? tape.value('index', wide ? 'i32' : 'u8') : undefined
    await tape.call('max_pool', fields, { y, x, index })
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype, x.dims)
        const aligned = await tape.as(dy, y.layout)
        await tape.call('max_pool_backward', fields, { dx, dy: aligned, index })
        return [dx]
      }
    }
  }
}

const avgLayer: Layer<PoolOptions> = {
  kind: 'avg_pool',
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

/** The largest of each window. In a tie the first in row-major order gets the gradient. */
export function maxPool(options: PoolOptions): LayerNode {
  return node(maxLayer, options)
}

/** The mean of each window. */
export function avgPool(options: PoolOptions): LayerNode {
  return node(avgLayer, options)
}
