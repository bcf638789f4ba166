import type { Value } from '../graph/value.ts'
import { byChannel, type Layer, type LayerNode, type LayerOptions, node, only } from '../layer.ts'

/**
 * Whether a gradient that comes back to a ReLU is zero already wherever that cut. From here on it stands
 * for the ReLU's input, of which that says nothing.
 */
export function unmask(dy: Value): boolean {
  const { masked } = dy
  dy.masked = false
  return masked
}

/** A layer of one elementwise function whose backward needs its output alone. */
export function activation(kind: 'relu' | 'tanh' | 'sigmoid' | 'softmax'): Layer<LayerOptions> {
  return {
    kind,
    // A softmax sees all channels.
    ...(kind !== 'softmax' && { split: byChannel }),
    async forward({ tape, dtype }, _, inputs) {
      const x = only(inputs)
      const y = tape.value('y', dtype)
      await tape.call(kind, {}, { y, x })
      y.relu = kind === 'relu'
      return {
        output: y,
        backward: async (dy) => {
          // LRN's backward has cut it already, when it was told that its input came from a ReLU.
          if (kind === 'relu' && unmask(dy)) return [dy]
          const aligned = await tape.as(dy, y.layout)
          const dx = tape.inPlace(aligned)
          await tape.call(`${kind}_backward`, {}, { dx, y, dy: aligned })
          return [dx]
        }
      }
    }
  }
}

const tanhLayer = activation('tanh')
const sigmoidLayer = activation('sigmoid')
const softmaxLayer = activation('softmax')

/** Hyperbolic tangent. */
export function tanh(options: LayerOptions = {}): LayerNode {
  return node(tanhLayer, options)
}

/** 1 / (1 + e^-x). */
export function sigmoid(options: LayerOptions = {}): LayerNode {
  return node(sigmoidLayer, options)
}

/** Softmax over the channels of [N, C]. A net that is trained ends in logits: its loss has a softmax of its own. */
export function softmax(options: LayerOptions = {}): LayerNode {
  return node(softmaxLayer, options)
}
