import { elements } from '../../native/layout.ts'
import { f32, flag, maybe, record } from '../../util/check/rules.ts'
import type { Parameter } from '../graph/parameter.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import {
  byChannel,
  checkedNode,
  type FusedReluOptions,
  fuseRelu,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { undoRelu } from './relu.ts'
import { layerRules } from './rules.ts'
import { SharedBatchNorm, type Statistics } from './shared-batch-norm.ts'

/** Options of `batchNorm`. */
export interface BatchNormOptions extends LayerOptions, FusedReluOptions {
  /** Added to the variance before its root. Default 1e-5. */
  readonly epsilon?: number
  /**
   * Weight of a batch's statistics in the running ones, as in PyTorch:
   * running = (1 - momentum) · running + momentum · batch. Default .1.
   */
  readonly momentum?: number
}

const layer: Layer<BatchNormOptions> = {
  kind: 'batch_norm',
  options: record<BatchNormOptions>({
    ...layerRules,
    relu: maybe(flag),
    epsilon: maybe(f32({ above: 0 })),
    momentum: maybe(f32({ from: 0, to: 1 }))
  }),
  withRelu: fuseRelu,
  split: byChannel,

  parameters(_, inputs) {
    const shape = [only(inputs)[1] ?? 0]
    return [
      { name: 'scale', shape, init: { constant: 1 }, decay: 0 },
      { name: 'shift', shape, init: { constant: 0 }, decay: 0 },
      { name: 'running_mean', shape, init: { constant: 0 }, trained: false },
      { name: 'running_var', shape, init: { constant: 1 }, trained: false }
    ]
  },

  async forward(context, config, inputs) {
    const { tape, dtype, training, frozen, shared, name, parameters, ok, onUpdate } = context
    const x = only(inputs)
    const { epsilon = 1e-5, momentum = 0.1, relu = false } = config
    const { scale, shift, running_mean, running_var } = parameters
    if (!scale || !shift || !running_mean || !running_var) {
      throw new Error('batch_norm has no parameters')
    }
    const y = tape.value('y', dtype)
    y.relu = relu
    const affine = { scale: scale.master, shift: shift.master }
    const running = { running_mean: running_mean.master, running_var: running_var.master }
    if (frozen || !training) {
      const fields = { epsilon, relu }
      await tape.call('batch_norm_inference', fields, { y, x, ...affine, ...running })
      return {
        output: y,
        backward: async (dy) => {
          const dz = relu ? await undoRelu(tape, y, dy) : dy
          const aligned = await tape.inLayout(dz, x.layout)
          return [await scaled(tape, aligned, { epsilon, scale, variance: running_var })]
        }
      }
    }
    const sync = shared && new SharedBatchNorm({ tape, shared, name, x, epsilon })
    const count = sync?.count ?? elements(x.dims) / (x.dims[1] ?? 1)
    if (count < 2) {
      throw new Error(
        `expected two values a channel or more to train on, got one, in [${x.dims}]: their variance ` +
          'is 0 whatever the input; use a larger batch'
      )
    }
    const statistics: Statistics = sync
      ? await sync.statistics()
      : { mean: tape.value('mean', 'f32'), var: tape.value('var', 'f32') }
    if (sync) {
      const { mean: running_mean, var: running_var } = statistics
      const given = { x, ...affine, running_mean, running_var }
      await tape.call('batch_norm_inference', { epsilon, relu }, { y, ...given })
    } else {
      await tape.call('batch_norm', { epsilon, relu }, { y, ...statistics, x, ...affine })
    }
    onUpdate(() =>
      tape.call('batch_norm_update', { momentum, count }, { ...running, ...statistics, ok })
    )
    return {
      output: y,
      backward: async (dy) => {
        const dz = relu ? await undoRelu(tape, y, dy) : dy
        const aligned = await tape.inLayout(dz, x.layout)
        if (sync) return [await sync.backward(aligned, { scale, shift }, statistics)]
        const dx = tape.value('dx', dtype)
        const gradients = { dscale: scale.gradient, dshift: shift.gradient }
        await tape.call(
          'batch_norm_backward',
          { epsilon },
          { dx, ...gradients, x, dy: aligned, scale: scale.master, ...statistics }
        )
        return [dx]
      }
    }
  }
}

/**
 * The gradient of the input where the statistics do not depend on it: dy · scale / √(variance + epsilon). It is the
 * op of the forward pass, with a mean and a shift of 0.
 */
async function scaled(
  tape: Tape,
  dy: Value,
  { epsilon, scale, variance }: { epsilon: number; scale: Parameter; variance: Parameter }
): Promise<Value> {
  const zero = tape.value('zero', 'f32', scale.dims, 'a')
  await tape.call('fill', { value: 0 }, { y: zero })
  const dx = tape.value('dx', dy.dtype)
  await tape.call(
    'batch_norm_inference',
    { epsilon },
    {
      y: dx,
      x: dy,
      scale: scale.master,
      shift: zero,
      running_mean: zero,
      running_var: variance.master
    }
  )
  return dx
}

/**
 * Batch normalisation, with a mean and a variance for each channel:
 * y = scale · (x - mean) / √(variance + epsilon) + shift. Training takes mean and (biased) variance of the batch,
 * inference, and training where the layer is frozen, the running ones. Of several processes each takes its share of
 * the batch, or all of it by `syncBatchNorm` of the build.
 *
 * Shapes: [N, C, H, W] or [N, C], kept. Parameters, all [C]: scale, which starts at 1, and shift, which starts at 0,
 * both without weight decay; running_mean and running_var, which no optimizer updates.
 *
 * @throws Error at a build for training with one value a channel: a batch of one without pixels
 *
 * Source: Ioffe and Szegedy 2015.
 *
 * @example
 * batchNorm({ name: 'norm1' })
 */
export function batchNorm(options: BatchNormOptions = {}): LayerNode {
  return checkedNode(layer, options)
}
