import type { Shape } from '../../native/layout.ts'
import { flag, list, maybe, record, text, whole } from '../../util/check/rules.ts'
import type { Value } from '../graph/value.ts'
import {
  byChannel,
  checkedNode,
  type FusedReluOptions,
  fuseRelu,
  type Layer,
  type LayerContext,
  type LayerNode,
  type LayerOptions
} from '../layer.ts'
import { undoRelu } from './relu.ts'
import { layerRules } from './rules.ts'

/** Options of `add`. */
export interface AddOptions extends LayerOptions, FusedReluOptions {
  /** Names of the two layers to add, or 'input'. */
  readonly inputs: readonly [string, string]
}

const addLayer: Layer<AddOptions> = {
  kind: 'add',
  options: record<AddOptions>({
    ...layerRules,
    inputs: list(text, { least: 2, most: 2 }),
    relu: maybe(flag)
  }),
  withRelu: fuseRelu,
  split: byChannel,
  async forward({ tape, dtype }, { relu = false }, [a, b]) {
    if (!a || !b) throw new Error('add expected two inputs')
    const y = tape.value('y', dtype)
    await tape.call('add', { relu }, { y, a, b: await tape.inLayout(b, a.layout) })
    y.relu = relu
    return {
      output: y,
      backward: async (dy) => {
        const dx = relu ? await undoRelu(tape, y, dy) : dy
        dx.multipleConsumers = true
        return [dx, dx]
      }
    }
  }
}

/** Options of `concat`. */
export interface ConcatOptions extends LayerOptions {
  /** Names of the layers to join, or 'input', in the order of their channels. */
  readonly inputs: readonly string[]
}

/** A value of so many channels that `copy_channels` fills. Blocked layouts pad them; the padding is zero. */
async function zeros(
  { tape, dtype }: Pick<LayerContext, 'tape' | 'dtype'>,
  name: string,
  [batch = 0, , ...rest]: Shape,
  channels: number,
  layout: string
): Promise<Value> {
  const y = tape.value(name, dtype, [batch, channels, ...rest], layout)
  await tape.call('fill', { value: 0 }, { y })
  return y
}

const concatLayer: Layer<ConcatOptions> = {
  kind: 'concat',
  options: record<ConcatOptions>({ ...layerRules, inputs: list(text, { least: 1 }) }),
  async forward(context, _, inputs) {
    const { tape } = context
    const [first] = inputs
    if (!first) throw new Error('concat expected one input or more')
    const layout = first.layout ?? 'abcd'
    const channels = inputs.map(({ dims }) => dims[1] ?? 0)
    const starts = channels.map((_, i) => channels.slice(0, i).reduce((a, b) => a + b, 0))
    const total = channels.reduce((a, b) => a + b, 0)
    const y = await zeros(context, 'y', first.dims, total, layout)
    for (const [i, input] of inputs.entries()) {
      const fields = { from: 0, to: starts[i] ?? 0, count: channels[i] ?? 0 }
      await tape.call('copy_channels', fields, { y, x: await tape.inLayout(input, layout) })
    }
    return {
      output: y,
      backward: async (dy) => {
        const aligned = await tape.inLayout(dy, layout)
        const gradients = []
        for (const [i, { dims }] of inputs.entries()) {
          const count = channels[i] ?? 0
          const dx = await zeros(context, 'dx', dims, count, layout)
          const fields = { from: starts[i] ?? 0, to: 0, count }
          await tape.call('copy_channels', fields, { y: dx, x: aligned })
          gradients.push(dx)
        }
        return gradients
      }
    }
  }
}

/** Options of `slice`. */
export interface SliceOptions extends LayerOptions {
  /** Index of the first channel to take. */
  readonly from: number
  /** The number of channels to take. */
  readonly count: number
}

const sliceLayer: Layer<SliceOptions> = {
  kind: 'slice',
  options: record<SliceOptions>({
    ...layerRules,
    from: whole({ from: 0 }),
    count: whole({ from: 1 })
  }),
  async forward(context, { from, count }, [x]) {
    const { tape } = context
    if (!x) throw new Error('slice expected one input')
    const { dims } = x
    const layout = x.layout ?? 'abcd'
    const y = await zeros(context, 'y', dims, count, layout)
    await tape.call('copy_channels', { from, to: 0, count }, { y, x })
    return {
      output: y,
      backward: async (dy) => {
        const dx = await zeros(context, 'dx', dims, dims[1] ?? 0, layout)
        const aligned = await tape.inLayout(dy, layout)
        await tape.call('copy_channels', { from: 0, to: from, count }, { y: dx, x: aligned })
        return [dx]
      }
    }
  }
}

/**
 * The sum of two layers of the same shape: y = a + b. Any shape, kept.
 *
 * @throws Error at the build for inputs of different shapes
 *
 * @example
 * add({ inputs: ['conv2', 'conv1'] }) // a residual connection
 */
export function add(options: AddOptions): LayerNode {
  return checkedNode(addLayer, options)
}

/**
 * Joins the channels of several layers: [N, C₁, H, W], [N, C₂, H, W], … → [N, C₁ + C₂ + …, H, W]; or [N, C].
 *
 * @throws Error at the build for inputs that differ in more than their channels
 *
 * @example
 * concat({ inputs: ['tower1', 'tower2'] })
 */
export function concat(options: ConcatOptions): LayerNode {
  return checkedNode(concatLayer, options)
}

/**
 * Takes channels from … from + count - 1: [N, C, H, W] → [N, count, H, W]; or [N, C].
 *
 * @throws Error at the build for channels that the input does not have
 *
 * @example
 * slice({ from: 0, count: 48 }) // the first half of 96 channels
 */
export function slice(options: SliceOptions): LayerNode {
  return checkedNode(sliceLayer, options)
}
