import { f32, maybe, oneOf, record, whole } from '../../util/check/rules.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only,
  requireRank
} from '../layer.ts'
import { layerRules } from './rules.ts'

/** Options of `lrn` and `lrnWithin`. */
export interface LrnOptions extends LayerOptions {
  /** Size of a window: channels (`lrn`), or cells along each axis (`lrnWithin`). Default 5. */
  readonly size?: number
  /** α. Default 1e-4. */
  readonly alpha?: number
  /**
   * What α multiplies: the 'sum' of a window's squares (the paper as printed, TensorFlow) or their 'mean' (the
   * original code, Caffe, PyTorch). Default 'sum'.
   */
  readonly alphaOf?: 'sum' | 'mean'
  /** β. Default .75. */
  readonly beta?: number
  /** Default 2. */
  readonly k?: number
  /** `lrn` only: splits the channels into so many groups; windows stop at their borders. Default 1. */
  readonly groups?: number
}

const lrnOptions = record<LrnOptions>({
  ...layerRules,
  size: maybe(whole({ from: 1 })),
  alpha: maybe(f32({ from: 0 })),
  alphaOf: maybe(oneOf('sum', 'mean')),
  beta: maybe(f32({ from: 0 })),
  k: maybe(f32({ from: 0 })),
  groups: maybe(whole({ from: 1 }))
})

/** @param count values in a window */
function curveOf(
  { size = 5, alpha = 1e-4, alphaOf = 'sum', beta = 0.75, k = 2 }: LrnOptions,
  count: number
) {
  return { size, alpha: alphaOf === 'sum' ? alpha : alpha / count, beta, k }
}

const across: Layer<LrnOptions> = {
  kind: 'lrn',
  options: lrnOptions,
  // Windows must not reach into other devices' slices, so a device takes whole groups.
  split(config, _, parts) {
    const { groups = 1 } = config
    if (groups % parts !== 0) return undefined
    return { reads: 'slice', config: { ...config, groups: groups / parts } }
  },
  async forward({ tape, dtype }, config, inputs) {
    const x = only(inputs)
    requireRank(x.dims, 4, 'lrn')
    const { size = 5, groups = 1 } = config
    const fields = { ...curveOf(config, size), groups }
    const y = tape.value('y', dtype)
    await tape.call('lrn', fields, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const aligned = await tape.inLayout(dy, x.layout)
        const dx = tape.value('dx', dtype)
        // Undoes the ReLU that x is the output of in the same op, unless another consumer adds a gradient to dx.
        const relu = x.relu && !x.multipleConsumers
        await tape.call(
          'lrn_backward',
          { ...fields, ...(relu && { relu }) },
          { dx, x, dy: aligned }
        )
        dx.masked = relu
        return [dx]
      }
    }
  }
}

const within: Layer<LrnOptions> = {
  kind: 'lrn_within',
  options: lrnOptions,
  split: byChannel,
  async forward({ tape, dtype }, config, inputs) {
    const x = only(inputs)
    requireRank(x.dims, 4, 'lrn_within')
    const { size = 5 } = config
    const fields = curveOf(config, size * size)
    const y = tape.value('y', dtype)
    await tape.call('lrn_within', fields, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const aligned = await tape.inLayout(dy, x.layout)
        const dx = tape.value('dx', dtype)
        await tape.call('lrn_within_backward', fields, { dx, x, dy: aligned })
        return [dx]
      }
    }
  }
}

/**
 * Local response normalisation across channels: y = x / (k + α · Σ x²)^β, over a window of `size` neighbouring
 * channels around each one, in the same cell. Shape [N, C, H, W], kept.
 *
 * Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3.
 *
 * @throws Error at the build for an input that is not [N, C, H, W]
 *
 * @example
 * lrn() // the paper's: size 5, α 1e-4, β .75, k 2
 */
export function lrn(options: LrnOptions = {}): LayerNode {
  return checkedNode(across, options)
}

/**
 * Local response normalisation within maps: as `lrn`, over a window of size × size cells of the same channel. Shape
 * [N, C, H, W], kept.
 *
 * Source: cuda-convnet, `type=rnorm`.
 *
 * @throws Error at the build for an input that is not [N, C, H, W]
 *
 * @example
 * lrnWithin({ size: 5, alpha: 0.001, alphaOf: 'mean', k: 1 })
 */
export function lrnWithin(options: LrnOptions = {}): LayerNode {
  return checkedNode(within, options)
}
