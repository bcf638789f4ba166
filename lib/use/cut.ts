/** Cuts a net after an inner layer. */
import { NetDefinition } from '../net/definition.ts'
import { flatten } from '../net/layers/flatten.ts'
import { needed } from '../net/needed.ts'
import { aDefinition } from '../net/rules.ts'
import { checkArguments } from '../util/check/check.ts'
import { text } from '../util/check/rules.ts'
import { PlainError } from '../util/foreign.ts'

/** The net has no layer of that name. */
export class LayerError extends PlainError {
  /** Always 'LayerError'. */
  override name = 'LayerError'
}

/**
 * Cuts a net after a layer and the activation that follows it. Its output is one row an image: [N, units] of a dense
 * layer, [N, C·H·W] of feature maps.
 *
 * @param layer a layer's name, such as 'fc7'
 * @returns a definition of the layers up to there; they keep their names, so weights can be imported by name
 * @throws LayerError if the net has no layer of this name
 *
 * @example
 * const definition = upTo(alexnet(), 'fc7') // 4096 numbers an image, after the ReLU
 */
export function upTo(definition: NetDefinition, layer: string): NetDefinition {
  checkArguments('net', { definition: [definition, aDefinition], layer: [layer, text] })
  const { name, input, layers } = definition
  const at = layers.findIndex((placed) => placed.name === layer)
  if (at < 0) {
    const names = layers.map((placed) => placed.name).join(', ')
    throw new LayerError(`[net] ${name} has no layer '${layer}': expected one of ${names}`)
  }
  const after = layers[at + 1]
  const activated =
    after?.node.isActivation && after.inputs.length === 1 && after.inputs[0] === layer
  // Branches that only later layers read are left out, so names and inputs are given instead of counted.
  const kept = needed(layers.slice(0, at + (activated ? 2 : 1))).map((placed) => {
    return { ...placed.node, name: placed.name, inputs: placed.inputs }
  })
  return new NetDefinition({ name, input, layers: [...kept, flatten()] })
}
