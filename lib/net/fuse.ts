/** Fuses ReLUs into the ops of the layers beside them. The results stay the same; `fuse: false` turns it off. */
import type { LayerNode } from './layer.ts'

/** A layer of a net, with its name and the names of the layers that it reads. */
export interface PlacedNode {
  /** What `conv2d`, `relu`, … returned. */
  readonly node: LayerNode
  /** Unique in the net. */
  readonly name: string
  /** Names of layers, or 'input'. */
  readonly inputs: readonly string[]
  /** @internal True if a later layer's backward op undoes this one's ReLU, by its bit mask. */
  readonly keepsMask?: boolean
}

/** Fuses ReLUs forward, and then backward. */
export function fuse(nodes: readonly PlacedNode[]): PlacedNode[] {
  return fuseBackward(fuseForward(nodes))
}

/** Fuses each ReLU into the layer before it, if that layer can have one and has no other consumer. */
function fuseForward(nodes: readonly PlacedNode[]): PlacedNode[] {
  const fused: PlacedNode[] = []
  const renamed = new Map<string, string>()
  for (const placed of nodes) {
    const inputs = placed.inputs.map((name) => renamed.get(name) ?? name)
    const at = fused.findIndex(({ name }) => name === inputs[0])
    const before = fused[at]
    const consumers = nodes.filter((other) => other.inputs.includes(placed.inputs[0] ?? '')).length
    if (placed.node.isRelu && before?.node.withRelu && consumers === 1) {
      fused[at] = { ...before, node: before.node.withRelu() }
      renamed.set(placed.name, before.name)
    } else {
      fused.push({ ...placed, inputs })
    }
  }
  return fused
}

/**
 * Fuses the backward of a layer's ReLU into that of the next layer with weights: its matrix product applies the
 * ReLU's bit mask to the gradient. Layers between them, such as dropout, must pass the mask.
 */
function fuseBackward(nodes: readonly PlacedNode[]): PlacedNode[] {
  const consumerOf = ({ name }: PlacedNode) => {
    const consumers = nodes.filter(({ inputs }) => inputs.includes(name))
    return consumers.length === 1 ? consumers[0] : undefined
  }
  return nodes.map((placed) => {
    if (!placed.node.mask.keeps) return placed
    let consumer = consumerOf(placed)
    while (consumer?.node.mask.passes) consumer = consumerOf(consumer)
    return consumer?.node.mask.applies ? { ...placed, keepsMask: true } : placed
  })
}
