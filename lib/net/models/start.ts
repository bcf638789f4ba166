import { NetDefinition } from '../definition.ts'
import type { PlacedNode } from '../fuse.ts'
import type { LayerNode } from '../layer.ts'
import { type Conv2dOptions, conv2d } from '../layers/conv2d.ts'
import { type DenseOptions, dense } from '../layers/dense.ts'
import type { DropoutOptions } from '../layers/dropout.ts'

/** Layers that decide the scale of what comes out of a convolution. */
const SCALING = ['conv2d', 'dense', 'max_pool']

/**
 * A net with initial values that suit any number of classes, in place of its own.
 *
 * ReLUs halve the second moment and max pooling about doubles it, so weights have a variance of 2 / inputs (He 2015) in
 * convolutions, but 1 / inputs in those before max pooling. Hidden dense layers are as PyTorch's Linear, with
 * 1 / (3 · inputs), since dropout that scales in training doubles the moment, and large activations would make the last
 * layer swing; as He's where dropout scales in tests, since it then halves the moment. The last layer has N(0, .01²), so
 * that the first loss is about ln(classes). Biases are 0.
 */
export function evenStart({ name, input, head, layers }: NetDefinition): NetDefinition {
  const last = layers.findLast(({ node }) => node.kind === 'dense')
  const late = layers.some(({ node }) => (node.config as DropoutOptions).scaleAt === 'test')
  const hidden = late ? 'he' : 'pytorch'
  const zero = { biasInit: { constant: 0 } } as const
  const started = ({ node }: PlacedNode, i: number): LayerNode => {
    if (node.kind === 'conv2d') {
      const next = layers.slice(i + 1).find((later) => SCALING.includes(later.node.kind))
      const init = next?.node.kind === 'max_pool' ? 'lecun' : 'he'
      return conv2d({ ...(node.config as Conv2dOptions), init, ...zero })
    }
    if (node.kind !== 'dense') return node
    const init = node === last?.node ? ({ normal: { std: 0.01 } } as const) : hidden
    return dense({ ...(node.config as DenseOptions), init, ...zero })
  }
  return new NetDefinition({ name, input, head, layers: layers.map(started) })
}
