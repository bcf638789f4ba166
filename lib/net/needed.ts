import type { PlacedNode } from './fuse.ts'

/** The last layer, and those that it depends on, in their order. */
export function needed(layers: readonly PlacedNode[]): readonly PlacedNode[] {
  const read = new Set([layers.at(-1)?.name])
  for (const { name, inputs } of layers.toReversed()) {
    if (read.has(name)) for (const input of inputs) read.add(input)
  }
  return layers.filter(({ name }) => read.has(name))
}
