/** The net of the paper's figure 1: three convolutions and one dense layer, for CIFAR-10, nothing regularised. */
import {
  conv2d,
  defineNet,
  dense,
  flatten,
  type LayerNode,
  maxPool,
  type NetDefinition,
  relu,
  tanh
} from 'alexnode'

export const activations = ['relu', 'tanh'] as const

/**
 * Filters and windows are those of cuda-convnet's small net for CIFAR-10. Both activations begin with the same weights:
 * Glorot's.
 *
 * @param width factor on the numbers of filters
 */
export function fourLayers(
  activation: (typeof activations)[number],
  classes: number,
  width = 1
): NetDefinition {
  const init = 'glorot'
  const stage = (i: number, filters: number): LayerNode[] => [
    conv2d({ name: `conv${i}`, filters: filters * width, size: 5, padding: 2, init }),
    activation === 'relu' ? relu() : tanh(),
    maxPool({ name: `pool${i}`, size: 3, stride: 2 })
  ]
  return defineNet({
    name: `four-layers-${activation}`,
    input: { channels: 3, height: 32, width: 32 },
    layers: [
      ...stage(1, 32),
      ...stage(2, 32),
      ...stage(3, 64),
      flatten(),
      dense({ name: 'fc4', units: classes, init })
    ]
  })
}
