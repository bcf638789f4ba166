/** The parameters of a net as places that tensors of files fill. */
import { open } from '../../engine/device.ts'
import type { NetDefinition } from '../../net/definition.ts'
import type { NetSpec } from '../../net/spec.ts'
import type { LayerSummary } from '../../net/trace/summary.ts'
import type { ParameterPlace } from '../format.ts'

/** A net's parameters, in its order. */
export interface Places {
  readonly all: readonly ParameterPlace[]
  /** The name of the last layer with weights, which gives the logits. */
  readonly head: string | undefined
}

/**
 * A net's parameters and their shapes, by a draft on the CPU, which takes some milliseconds and no memory for tensors.
 * @throws Error for a layer that does not suit its inputs
 */
export async function placesOf(definition: NetDefinition): Promise<Places> {
  const device = await open('cpu', { threads: 1 })
  try {
    const draft = await definition.draft(device, { batch: 1, training: false, winograd: false })
    try {
      const flattened = flattenedOf(definition, draft.layers)
      const layers = new Map(definition.layers.map((layer) => [layer.name, layer]))
      const all = draft.parameters.all.map(({ name, layer, kind: role, whole: shape }) => ({
        name,
        layer,
        kind: layers.get(layer)?.node.kind ?? '',
        role,
        shape,
        flattened: flattened.get(layer),
        readsInput: layers.get(layer)?.inputs.includes('input') ?? false
      }))
      return { all, head: all.at(-1)?.layer }
    } finally {
      await draft.close()
    }
  } finally {
    await device.close()
  }
}

/** By dense layer: the [C, H, W] that was flattened to what it reads. */
function flattenedOf(
  { input, layers }: NetSpec,
  summaries: readonly LayerSummary[]
): ReadonlyMap<string, readonly [number, number, number]> {
  const outputs = new Map(summaries.map(({ name, output }) => [name, output]))
  const shapes = new Map<string, readonly number[]>([
    ['input', [input.channels, input.height, input.width]]
  ])
  const flattened = new Map<string, readonly [number, number, number]>()
  const read = new Map<string, readonly [number, number, number]>()
  for (const { name, node, inputs } of layers) {
    const [from = 'input'] = inputs
    const shape = shapes.get(from) ?? []
    // A fused layer is not among the summaries: its output has the shape of its input.
    shapes.set(name, outputs.get(name) ?? shape)
    const [c, h, w] = shape
    const before = flattened.get(from)
    if (node.kind === 'flatten' && c !== undefined && h !== undefined && w !== undefined) {
      flattened.set(name, [c, h, w])
    } else if (before && node.kind !== 'dense') flattened.set(name, before)
    if (before && node.kind === 'dense') read.set(name, before)
  }
  return read
}
