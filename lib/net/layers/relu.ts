import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { layerOptions } from './rules.ts'

/**
 * The gradient before a ReLU: dy where the ReLU's output y is above zero, zero elsewhere. Returns dy itself if a
 * backward op has applied the ReLU's mask to it.
 */
export async function undoRelu(tape: Tape, y: Value, dy: Value): Promise<Value> {
  if (dy.masked) {
    // From here on it is the gradient of the ReLU's input, whose own zeros are not known.
    dy.masked = false
    return dy
  }
  const aligned = await tape.inLayout(dy, y.layout)
  const dx = tape.inPlace(aligned)
  await tape.call('relu_backward', {}, { dx, y, dy: aligned })
  return dx
}

const layer: Layer<LayerOptions> = {
  kind: 'relu',
  options: layerOptions,
  isRelu: true,
  isActivation: true,
  split: byChannel,
  async forward({ tape, dtype }, _, inputs) {
    const x = only(inputs)
    const y = tape.value('y', dtype)
    await tape.call('relu', {}, { y, x })
    y.relu = true
    return { output: y, backward: async (dy) => [await undoRelu(tape, y, dy)] }
  }
}

/**
 * Rectified linear unit: y = max(0, x). Any shape, kept. A build fuses it into the op of the layer before, if that op
 * can have one.
 *
 * Source: Nair and Hinton 2010; Krizhevsky, Sutskever and Hinton 2012, section 3.1.
 *
 * @example
 * relu()
 */
export function relu(options: LayerOptions = {}): LayerNode {
  return checkedNode(layer, options)
}
