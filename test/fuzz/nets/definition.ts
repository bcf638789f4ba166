/** Makes a net of layers that are plain data. */
import { defineNet, type NetDefinition } from '../../../lib/net/definition.ts'
import type { LayerNode } from '../../../lib/net/layer.ts'
import { sigmoid, softmax, tanh } from '../../../lib/net/layers/activation.ts'
import { type BatchNormOptions, batchNorm } from '../../../lib/net/layers/batch-norm.ts'
import { type Conv2dOptions, conv2d } from '../../../lib/net/layers/conv2d.ts'
import { type DenseOptions, dense } from '../../../lib/net/layers/dense.ts'
import { flatten } from '../../../lib/net/layers/flatten.ts'
import { type AddOptions, add, type ConcatOptions, concat } from '../../../lib/net/layers/join.ts'
import { type LeakyReluOptions, leakyRelu } from '../../../lib/net/layers/leaky-relu.ts'
import { type LrnOptions, lrn, lrnWithin } from '../../../lib/net/layers/lrn.ts'
import { avgPool, maxPool, type PoolOptions } from '../../../lib/net/layers/pool.ts'
import { relu } from '../../../lib/net/layers/relu.ts'
import type { DrawnNet, LayerSpec } from './draw.ts'
import { layersOf } from './layers.ts'

/** Options of all layers. Which of them a spec has, test/fuzz/nets/layers.ts decides by its kind. */
type All = Conv2dOptions &
  DenseOptions &
  PoolOptions &
  LrnOptions &
  BatchNormOptions &
  LeakyReluOptions &
  AddOptions &
  ConcatOptions

const makers: Readonly<Record<string, (options: All) => LayerNode>> = {
  conv2d,
  dense,
  flatten,
  relu,
  tanh,
  sigmoid,
  softmax,
  lrn,
  add,
  concat,
  leaky_relu: leakyRelu,
  max_pool: maxPool,
  avg_pool: avgPool,
  lrn_within: lrnWithin,
  batch_norm: batchNorm
}

function layer(spec: LayerSpec): LayerNode {
  const { kind, ...options } = spec
  const make = makers[kind]
  if (!make) throw new Error(`[fuzz] expected a layer of ${Object.keys(makers)}, got ${kind}`)
  return make(options as unknown as All)
}

/** The net of a case. */
export function definitionOf(net: DrawnNet): NetDefinition {
  const { channels, height, width, head } = net
  return defineNet({
    name: 'drawn',
    input: { channels, height, width },
    head,
    layers: layersOf(net).map(layer)
  })
}
