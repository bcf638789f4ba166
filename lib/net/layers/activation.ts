import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { layerOptions } from './rules.ts'

/** A layer of one function whose backward op, `<op>_backward`, reads only its output. */
function activation(op: string): Layer<LayerOptions> {
  return {
    kind: op,
    options: layerOptions,
    async forward({ tape, dtype }, _, inputs) {
      const x = only(inputs)
      const y = tape.value('y', dtype)
      await tape.call(op, {}, { y, x })
      return {
        output: y,
        backward: async (dy) => {
          const aligned = await tape.inLayout(dy, y.layout)
          const dx = tape.inPlace(aligned)
          await tape.call(`${op}_backward`, {}, { dx, y, dy: aligned })
          return [dx]
        }
      }
    }
  }
}

/** A layer of a function of one element. */
function elementwise(op: string): Layer<LayerOptions> {
  return { ...activation(op), isActivation: true, split: byChannel }
}

const tanhLayer = elementwise('tanh')
const sigmoidLayer = elementwise('sigmoid')
// Not split: it normalises over all channels.
const softmaxLayer = activation('softmax')

/**
 * Hyperbolic tangent: y = (e^x - e^-x) / (e^x + e^-x). Any shape, kept.
 *
 * @example
 * tanh()
 */
export function tanh(options: LayerOptions = {}): LayerNode {
  return checkedNode(tanhLayer, options)
}

/**
 * Logistic function: y = 1 / (1 + e^-x). Any shape, kept.
 *
 * @example
 * sigmoid()
 */
export function sigmoid(options: LayerOptions = {}): LayerNode {
  return checkedNode(sigmoidLayer, options)
}

/**
 * Softmax over channels: y[n, c] = e^x[n, c] / Σ e^x[n, k]. Shape [N, C], kept.
 *
 * Leave it out at the end of a net: its last layer gives logits, and the loss has a softmax of its own.
 *
 * @example
 * softmax()
 */
export function softmax(options: LayerOptions = {}): LayerNode {
  return checkedNode(softmaxLayer, options)
}
