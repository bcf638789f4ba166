/** A net that holds every kind of layer and trains in milliseconds, and images for it. */
import type { ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { defineNet, type NetDefinition } from '../lib/net/definition.ts'
import { sigmoid, tanh } from '../lib/net/layers/activation.ts'
import { batchNorm } from '../lib/net/layers/batch-norm.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { dropout } from '../lib/net/layers/dropout.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { add, concat, slice } from '../lib/net/layers/join.ts'
import { leakyRelu } from '../lib/net/layers/leaky-relu.ts'
import { lrn, lrnWithin } from '../lib/net/layers/lrn.ts'
import { avgPool, maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'

const size = 28

/** Every kind of layer, branches and fused and lone ReLUs among them. 1×28×28, 10 classes. */
export function smallNet(): NetDefinition {
  return defineNet({
    name: 'small',
    input: { channels: 1, height: size, width: size },
    layers: [
      conv2d({ name: 'conv1', filters: 16, size: 5, stride: 2, padding: 'same' }),
      relu(),
      lrn({ name: 'norm1', groups: 2 }),
      maxPool({ name: 'pool1', size: 3, stride: 2 }),
      conv2d({ name: 'left', filters: 16, size: 3, padding: 'same', groups: 2, inputs: ['pool1'] }),
      batchNorm({ name: 'norm2' }),
      relu({ name: 'relu2' }),
      conv2d({ name: 'right', filters: 16, size: 1, bias: false, inputs: ['pool1'] }),
      lrnWithin({ name: 'norm3', size: 3 }),
      add({ name: 'sum', inputs: ['relu2', 'norm3'] }),
      relu({ name: 'relu3' }),
      concat({ name: 'both', inputs: ['relu3', 'pool1'] }),
      slice({ name: 'part', from: 4, count: 24 }),
      leakyRelu({ slope: 0.1 }),
      avgPool({ name: 'pool2', size: 2 }),
      tanh(),
      flatten(),
      dense({ name: 'fc1', units: 128 }),
      relu(),
      dropout({ name: 'drop1', rate: 0.25 }),
      dense({ name: 'fc2', units: 24 }),
      sigmoid(),
      dense({ name: 'fc3', units: 10 })
    ]
  })
}

/** Generated images for `smallNet`. */
export function smallSet(length: number): ImageSet {
  return shapes({ size, train: length, seed: 5 }).train
}
