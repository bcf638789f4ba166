import { elements } from '../../native/layout.ts'
import { byChannel, type Layer, type LayerNode, type LayerOptions, node, only } from '../layer.ts'
import { maskRelu } from './relu.ts'

export interface BatchNormOptions extends LayerOptions {
  /** Default 1e-5. */
  readonly epsilon?: number
  /** How much of the batch's statistics enters the running ones, as in PyTorch. Default .1. */
  readonly momentum?: number
  /** A ReLU inside the op; `relu()` after it is fused to the same. Default false. */
  readonly relu?: boolean
}

const layer: Layer<BatchNormOptions> = {
  kind: 'batch_norm',
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

  async forward({ tape, dtype, training, parameters, ok, onUpdate }, config, inputs) {
    const x = only(inputs)
    const { epsilon = 1e-5, momentum = 0.1, relu = false } = config
    const { scale, shift, running_mean, running_var } = parameters
    if (!scale || !shift || !running_mean || !running_var)
      throw new Error('batch_norm has no parameters')
    const y = tape.value('y', dtype)
    y.relu = relu
    const affine = { scale: scale.master, shift: shift.master }
    if (!training) {
      await tape.call(
        'batch_norm_inference',
        { epsilon, relu },
        { y, x, ...affine, running_mean: running_mean.master, running_var: running_var.master }
      )
      return {
        output: y,
        backward: () => Promise.reject(new Error('batch_norm was built for inference'))
      }
    }
    const mean = tape.value('mean', 'f32')
    const variance = tape.value('var', 'f32')
    await tape.call('batch_norm', { epsilon, relu }, { y, mean, var: variance, x, ...affine })
    const count = elements(x.dims) / (x.dims[1] ?? 1)
    onUpdate(() =>
      tape.call(
        'batch_norm_update',
        { momentum, count },
        {
          running_mean: running_mean.master,
          running_var: running_var.master,
          mean,
          var: variance,
          ok
        }
      )
    )
    return {
      output: y,
      backward: async (dy) => {
        const masked = relu ? await maskRelu(tape, y, dy) : dy
        const aligned = await tape.as(masked, x.layout)
        const dx = tape.value('dx', dtype)
        await tape.call(
          'batch_norm_backward',
          { epsilon },
          {
            dx,
            dscale: scale.gradient,
            dshift: shift.gradient,
            x,
            dy: aligned,
            scale: scale.master,
            mean,
            var: variance
          }
        )
        return [dx]
      }
    }
  }
}

/** Batch normalisation, a mean and a variance a channel. Ioffe and Szegedy 2015. */
export function batchNorm(options: BatchNormOptions = {}): LayerNode {
  return node(layer, options, true)
}
