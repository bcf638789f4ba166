/** Which neighbouring layers become one op. `fuse: false` keeps them apart; the numbers stay. */
import type { LayerNode } from './layer.ts'

/** A layer whose place in the net is settled. */
export interface PlacedNode {
  readonly node: LayerNode
  readonly name: string
  readonly inputs: readonly string[]
  /** Another layer's backward undoes this one's ReLU, by its bits. */
  readonly keepsMask?: boolean
}

/** Fuses ReLUs into the layers beside them. */
export function fuse(nodes: readonly PlacedNode[]): PlacedNode[] {
  return fuseBackward(fuseForward(nodes))
}

/** Fuses each ReLU into the layer before it, where that layer can and nothing else reads it. */
function fuseForward(nodes: readonly PlacedNode[]): PlacedNode[] {
  const fused: PlacedNode[] = []
  const renamed = new Map<string, string>()
  for (const placed of nodes) {
    const inputs = placed.inputs.map((name) => renamed.get(name) ?? name)
    const at = fused.findIndex(({ name }) => name === inputs[0])
    const before = fused[at]
    const readers = nodes.filter((other) => other.inputs.includes(placed.inputs[0] ?? '')).length
    if (placed.node.kind === 'relu' && before?.node.withRelu && readers === 1) {
      fused[at] = { ...before, node: before.node.withRelu() }
      renamed.set(placed.name, before.name)
    } else {
      fused.push({ ...placed, inputs })
    }
  }
  return fused
}

/**
 * Fuses the backward of each dense layer's ReLU into that of the dense layer after it, whose product then gives
 * a gradient that is cut already. Dropout between them passes it on: both are factors of single elements.
 */
function fuseBackward(nodes: readonly PlacedNode[]): PlacedNode[] {
  const readerOf = ({ name }: PlacedNode) => {
    const readers = nodes.filter(({ inputs }) => inputs.includes(name))
    return readers.length === 1 ? readers[0] : undefined
  }
  return nodes.map((placed) => {
    if (placed.node.kind !== 'dense') return placed
    let reader = readerOf(placed)
    while (reader?.node.kind === 'dropout') reader = readerOf(reader)
    return reader?.node.kind === 'dense' ? { ...placed, keepsMask: true } : placed
  })
}
