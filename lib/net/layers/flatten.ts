import { denseLayout, elements } from '../../native/layout.ts'
import {
  byChannel,
  checkedNode,
  type Layer,
  type LayerNode,
  type LayerOptions,
  only
} from '../layer.ts'
import { layerOptions } from './rules.ts'

const layer: Layer<LayerOptions> = {
  kind: 'flatten',
  options: layerOptions,
  split: byChannel,
  async forward({ tape }, _, inputs) {
    const x = only(inputs)
    const rows = await tape.inLayout(x, denseLayout(x.dims.length))
    const batch = x.dims[0] ?? 0
    const y = tape.view(rows, [batch, elements(x.dims) / batch])
    y.relu = false
    return { output: y, backward: async (dy) => [tape.view(dy, x.dims)] }
  }
}

/**
 * Flattens each image: [N, C, H, W] → [N, C·H·W], row-major. Goes before `dense`.
 *
 * @example
 * flatten()
 */
export function flatten(options: LayerOptions = {}): LayerNode {
  return checkedNode(layer, options)
}
