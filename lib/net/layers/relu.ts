import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import { type LayerNode, type LayerOptions, node } from '../layer.ts'
import { activation, unmask } from './activation.ts'

/** The gradient before a ReLU that was fused into an op: dy, zero where the op's output y was cut. */
export async function maskRelu(tape: Tape, y: Value, dy: Value): Promise<Value> {
  if (unmask(dy)) return dy
  const aligned = await tape.as(dy, y.layout)
  const masked = tape.inPlace(aligned)
  await tape.call('relu_backward', {}, { dx: masked, y, dy: aligned })
  return masked
}

const layer = activation('relu')

/** max(0, x). Fused into the layer before where that can be. */
export function relu(options: LayerOptions = {}): LayerNode {
  return node(layer, options)
}
