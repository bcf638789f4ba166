import { byChannel, type Layer, type LayerNode, type LayerOptions, node } from '../layer.ts'
import { maskRelu } from './relu.ts'

export interface AddOptions extends LayerOptions {
  /** Names of the two layers to add, or 'input'. */
  readonly inputs: readonly [string, string]
  /** A ReLU inside the op; `relu()` after it is fused to the same. Default false. */
  readonly relu?: boolean
}

const addLayer: Layer<AddOptions> = {
  kind: 'add',
  split: byChannel,
  async forward({ tape, dtype }, { relu = false }, [a, b]) {
    if (!a || !b) throw new Error('add expected two inputs')
    const y = tape.value('y', dtype)
    await tape.call('add', { relu }, { y, a, b: await tape.as(b, a.layout) })
    y.relu = relu
    return {
      output: y,
      backward: async (dy) => {
        const masked = relu ? await maskRelu(tape, y, dy) : dy
        masked.shared = true
        return [masked, masked]
      }
    }
  }
}

export interface ConcatOptions extends LayerOptions {
  /** Names of the layers whose channels to put one after the other. */
  readonly inputs: readonly string[]
}

const concatLayer: Layer<ConcatOptions> = {
  kind: 'concat',
  async forward({ tape, dtype }, _, inputs) {
    const [first] = inputs
    if (!first) throw new Error('concat expected one input or more')
    const layout = first.layout ?? 'abcd'
    const channels = inputs.map(({ dims }) => dims[1] ?? 0)
    const starts = channels.map((_, i) => channels.slice(0, i).reduce((a, b) => a + b, 0))
    const total = channels.reduce((a, b) => a + b, 0)
    const [batch = 0, , ...rest] = first.dims
    const y = tape.value('y', dtype, [batch, total, ...rest], layout)
    // Blocked layouts pad channels with zeros, which the copies below do not reach.
    await tape.call('fill', { value: 0 }, { y })
    for (const [i, input] of inputs.entries()) {
      const count = channels[i] ?? 0
      await tape.call(
        'copy_channels',
        { from: 0, to: starts[i] ?? 0, count },
        { y, x: await tape.as(input, layout) }
      )
    }
    return {
      output: y,
      backward: async (dy) => {
        const aligned = await tape.as(dy, layout)
        const gradients = []
        for (const [i, input] of inputs.entries()) {
          const count = channels[i] ?? 0
          const dx = tape.value('dx', dtype, input.dims, layout)
          await tape.call('fill', { value: 0 }, { y: dx })
          await tape.call(
            'copy_channels',
            { from: starts[i] ?? 0, to: 0, count },
            { y: dx, x: aligned }
          )
          gradients.push(dx)
        }
        return gradients
      }
    }
  }
}

export interface SliceOptions extends LayerOptions {
  /** The first channel to take. */
  readonly from: number
  /** How many channels to take. */
  readonly count: number
}

const sliceLayer: Layer<SliceOptions> = {
  kind: 'slice',
  async forward({ tape, dtype }, { from, count }, [x]) {
    if (!x) throw new Error('slice expected one input')
    const layout = x.layout ?? 'abcd'
    const [batch = 0, , ...rest] = x.dims
    const y = tape.value('y', dtype, [batch, count, ...rest], layout)
    await tape.call('fill', { value: 0 }, { y })
    await tape.call('copy_channels', { from, to: 0, count }, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype, x.dims, layout)
        await tape.call('fill', { value: 0 }, { y: dx })
        await tape.call(
          'copy_channels',
          { from: 0, to: from, count },
          { y: dx, x: await tape.as(dy, layout) }
        )
        return [dx]
      }
    }
  }
}

/** The sum of two layers of one shape. */
export function add(options: AddOptions): LayerNode {
  return node(addLayer, options, true)
}

/** The channels of several layers, one after the other. */
export function concat(options: ConcatOptions): LayerNode {
  return node(concatLayer, options)
}

/** Some of a layer's channels. */
export function slice(options: SliceOptions): LayerNode {
  return node(sliceLayer, options)
}
