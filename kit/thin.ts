/** Named nets with fewer channels and pixels, where a double of CUDA stands for a GPU and computes slowly. */
import { defineNet, type NetDefinition } from '../lib/net/definition.ts'
import type { LayerNode } from '../lib/net/layer.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'

/** Pixels that leave one cell after the last pool. */
const PIXELS = 67
/** What is left of filters and units. */
const PART = 8

function thinner({ kind, config, ...node }: LayerNode, last: boolean): LayerNode {
  if (kind === 'conv2d' && 'filters' in config && 'size' in config) {
    const { filters, size } = config
    if (typeof filters === 'number' && typeof size === 'number') {
      return conv2d({ ...config, filters: filters / PART, size })
    }
  }
  if (kind === 'dense' && !last && 'units' in config && typeof config.units === 'number') {
    return dense({ ...config, units: config.units / PART })
  }
  return { kind, config, ...node }
}

/** The same layers with an eighth of the filters and units, over 67×67 pixels. */
export function thin({ name, input, layers }: NetDefinition): NetDefinition {
  const pixels = { height: PIXELS, width: PIXELS }
  const last = layers.length - 1
  return defineNet({
    name,
    input: { ...input, ...pixels },
    layers: layers.map(({ node }, i) => thinner(node, i === last))
  })
}
