/** Which neighbouring layers become one op. `fuse: false` keeps them apart; the numbers stay. */
import type { LayerNode } from './layer.ts'

/** A layer whose place in the net is settled. */
export interface PlacedNode {
  readonly node: LayerNode
  readonly name: string
  readonly inputs: readonly string[]
}

/** Fuses each ReLU into the layer before it, where that layer can and nothing else reads it. */
export function fuse(nodes: readonly PlacedNode[]): PlacedNode[] {
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
