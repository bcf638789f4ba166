import { NetDefinition } from '../net/definition.ts'
import { flatten } from '../net/layers/flatten.ts'

/** Functions of one value, which belong to the layer that they follow. */
const ACTIVATIONS: readonly string[] = ['relu', 'tanh', 'sigmoid']

/** A layer was asked for that the net does not have. */
export class LayerError extends Error {
  override name = 'LayerError'
}

/**
 * A net's first part, up to and with a layer and the activation right after it. Its output is what that
 * layer gives as one row an image: [N, units], or [N, C·H·W] of a layer of maps.
 *
 * @throws LayerError where the net has no layer of this name
 *
 * @example
 * const definition = upTo(alexnet(), 'fc7') // 4096 numbers an image, after the ReLU
 */
export function upTo(definition: NetDefinition, layer: string): NetDefinition {
  const { name, input, layers } = definition
  const at = layers.findIndex((placed) => placed.name === layer)
  if (at < 0) {
    const names = layers.map((placed) => placed.name).join(', ')
    throw new LayerError(`[net] ${name} has no layer '${layer}': expected one of ${names}`)
  }
  const after = layers[at + 1]
  const activated =
    after !== undefined &&
    ACTIVATIONS.includes(after.node.kind) &&
    after.inputs.length === 1 &&
    after.inputs[0] === layer
  const kept = layers.slice(0, at + (activated ? 2 : 1)).map(({ node }) => node)
  return new NetDefinition({ name, input, layers: [...kept, flatten()] })
}
