import { fnv1a } from '../../util/random.ts'
import { byChannel, type Layer, type LayerNode, type LayerOptions, node, only } from '../layer.ts'

export interface DropoutOptions extends LayerOptions {
  /** The chance that a value is dropped. Default .5. */
  readonly rate?: number
  /**
   * Where values are scaled so that train and test agree: 'train' divides what is kept by 1 - rate (every
   * library today), 'test' multiplies by 1 - rate when not training (the paper). Default 'train'.
   */
  readonly scaleAt?: 'train' | 'test'
}

const layer: Layer<DropoutOptions> = {
  kind: 'dropout',
  split: byChannel,
  async forward({ tape, dtype, training, name, rng, slice }, config, inputs) {
    const x = only(inputs)
    const { rate = 0.5, scaleAt = 'train' } = config
    if (!(rate >= 0 && rate < 1)) throw new Error(`expected a rate from 0 to below 1, got ${rate}`)
    const nothing = { output: x, backward: async (dy: typeof x) => [dy] }
    if (rate === 0) return nothing
    const y = tape.value('y', dtype)
    if (!training) {
      if (scaleAt === 'train') return nothing
      await tape.call('scale', { factor: 1 - rate }, { y, x })
      return {
        output: y,
        backward: () => Promise.reject(new Error('dropout was built for inference'))
      }
    }
    const scale = scaleAt === 'train' ? 1 / (1 - rate) : 1
    const channels = x.dims[1] ?? 0
    const fields = {
      ...{ rate, scale, purpose: fnv1a(`${name}/dropout`) },
      // A slice's draws are those of its place in the whole.
      ...(slice.of > 1 && { channels: slice.of * channels, channel_offset: slice.index * channels })
    }
    await tape.call('dropout', fields, { y, x, rng })
    y.mask = x.mask
    return {
      output: y,
      backward: async (dy) => {
        const dx = tape.value('dx', dtype)
        await tape.call('dropout_backward', fields, { dx, dy: await tape.as(dy, x.layout), rng })
        dx.masked = dy.masked
        return [dx]
      }
    }
  }
}

/** Drops values at random while training. Hinton et al. 2012. */
export function dropout(options: DropoutOptions = {}): LayerNode {
  return node(layer, options)
}
