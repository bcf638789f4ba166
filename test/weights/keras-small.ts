import {
  batchNorm,
  conv2d,
  defineNet,
  dense,
  flatten,
  type LayerNode,
  relu,
  tanh
} from '../../lib/index.ts'

/** The model of judges/keras_small.py, whose sigmoid is taken of the logits here. */
export const small = (classes = 3, ...more: LayerNode[]) =>
  defineNet({
    name: 'small',
    input: { channels: 2, height: 9, width: 7 },
    layers: [
      conv2d({ name: 'a', filters: 3, size: [3, 2], stride: [2, 1] }),
      relu(),
      batchNorm({ name: 'n', epsilon: 1e-3 }),
      conv2d({ name: 'b', filters: 4, size: 2, padding: 'same' }),
      tanh(),
      flatten(),
      dense({ name: 'c', units: 5 }),
      relu(),
      ...more,
      dense({ name: 'd', units: classes })
    ]
  })
