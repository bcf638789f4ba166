/** Nets for the tests of ONNX. */
import { defineNet, type NetDefinition } from '../lib/net/definition.ts'
import { sigmoid, softmax, tanh } from '../lib/net/layers/activation.ts'
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

/** Windows of every form, on maps of odd sizes: two towers, asymmetric padding, norms that ONNX's LRN cannot say. */
export function everyWindow(): NetDefinition {
  return defineNet({
    name: 'windows',
    input: { channels: 3, height: 33, width: 30 },
    head: { loss: 'sigmoid', output: 'sigmoid' },
    layers: [
      conv2d({ name: 'a', filters: 12, size: [5, 3], stride: [2, 1], padding: [2, 1, 0, 2] }),
      leakyRelu({ slope: 0.2 }),
      lrn({ name: 'even', size: 4, alpha: 0.3, groups: 3 }),
      maxPool({ name: 'ceil', size: 3, stride: 2, ceil: true, padding: 1 }),
      conv2d({ name: 'apart', filters: 12, size: 3, dilation: 2, padding: 'same', groups: 4 }),
      batchNorm({ name: 'n1', epsilon: 0.01, relu: true }),
      lrn({ name: 'mean', size: 3, alpha: 0.5, alphaOf: 'mean', k: 1, groups: 2 }),
      slice({ name: 'left', from: 0, count: 5, inputs: ['mean'] }),
      avgPool({ name: 'counted', size: 3, stride: 2, padding: 1, ceil: true }),
      slice({ name: 'right', from: 5, count: 7, inputs: ['mean'] }),
      avgPool({
        name: 'uncounted',
        size: 3,
        stride: 2,
        padding: 1,
        ceil: true,
        includePadding: false
      }),
      concat({ name: 'both', inputs: ['counted', 'uncounted'] }),
      lrnWithin({ name: 'within', size: 2, alpha: 0.4, alphaOf: 'mean', k: 1.5, beta: 0.5 }),
      avgPool({ name: 'borders', size: [2, 3], stride: 1, padding: [1, 0, 0, 2] }),
      maxPool({ name: 'same', size: 2, stride: 2, padding: 'same' }),
      conv2d({ name: 'b', filters: 12, size: 1, bias: false, relu: true }),
      lrn({ name: 'flat', size: 5, alpha: 0 }),
      flatten(),
      dense({ name: 'c', units: 20, relu: true }),
      dropout({ name: 'kept', rate: 0.4, scaleAt: 'test' }),
      dense({ name: 'd', units: 20, bias: false, inputs: ['kept'] }),
      batchNorm({ name: 'n2' }),
      tanh({ name: 'other' }),
      sigmoid({ name: 'gate', inputs: ['kept'] }),
      add({ name: 'sum', inputs: ['other', 'gate'], relu: true }),
      softmax({ name: 'soft' }),
      relu(),
      dense({ name: 'logits', units: 6 })
    ]
  })
}
