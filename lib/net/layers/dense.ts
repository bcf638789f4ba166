import { record, whole } from '../../util/check/rules.ts'
import { checkedNode, fuseRelu, type Layer, type LayerNode, only, requireRank } from '../layer.ts'
import { undoRelu } from './relu.ts'
import { weightedRules } from './rules.ts'
import { type WeightedOptions, weightAndBias } from './weighted.ts'

/** Options of `dense`. */
export interface DenseOptions extends WeightedOptions {
  /** The number of outputs. */
  readonly units: number
}

/** Ops keep the bit mask of a ReLU for multiples of so many outputs, as cublasLt does. */
const MASK_UNITS = 128

const layer: Layer<DenseOptions> = {
  kind: 'dense',
  options: record<DenseOptions>({ ...weightedRules, units: whole({ from: 1 }) }),
  mask: { keeps: true, applies: true },
  withRelu: fuseRelu,

  parameters(config, inputs) {
    const x = only(inputs)
    requireRank(x, 2, 'dense')
    const fanIn = x[1] ?? 0
    const fanOut = config.units
    return weightAndBias(config, { shape: [fanOut, fanIn], fanIn, fanOut })
  },

  split(config, _, parts) {
    const units = config.units / parts
    return Number.isInteger(units) ? { reads: 'whole', config: { ...config, units } } : undefined
  },

  async forward(context, config, inputs) {
    const { tape, dtype, keepsMask, frozen, parameters, defer } = context
    const { weight, bias } = parameters
    const x = await tape.inLayout(only(inputs), 'ab')
    if (!weight) throw new Error('dense has no weight')
    const { relu = false, units } = config
    const y = tape.value('y', dtype)
    const w = tape.weights(weight, dtype)
    const mask =
      keepsMask && relu && units % MASK_UNITS === 0 ? tape.value('mask', 'u8') : undefined
    await tape.call('dense', { relu }, { y, mask, x, w, b: bias?.master })
    y.relu = relu
    y.mask = mask
    return {
      output: y,
      backward: async (dy, [needsDx]) => {
        const dz = relu ? await undoRelu(tape, y, dy) : dy
        const gradients = { dw: weight.gradient, db: bias?.gradient }
        if (!frozen) {
          await defer(() => tape.call('dense_backward_weights', {}, { ...gradients, x, dy: dz }))
        }
        if (!needsDx) return []
        const dx = tape.value('dx', dtype)
        const read = tape.weights(weight, dtype)
        await tape.call('dense_backward_data', {}, { dx, dy: dz, w: read, mask: x.mask })
        dx.masked = x.mask !== undefined
        return [dx]
      }
    }
  },

  macs(config, inputs) {
    return config.units * (only(inputs)[1] ?? 0)
  }
}

/**
 * Fully connected layer: y[n, o] = b[o] + Σ w[o, c] · x[n, c].
 *
 * Shapes: [N, C] → [N, units]. Parameters: weight [units, C], bias [units].
 *
 * @throws Error at the build for an input that is not [N, C]: put `flatten()` before it
 *
 * @example
 * dense({ units: 4096 })
 */
export function dense(options: DenseOptions): LayerNode {
  return checkedNode(layer, options)
}
