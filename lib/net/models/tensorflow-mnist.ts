import { checkOptions } from '../../util/check/check.ts'
import { type Rules, record } from '../../util/check/rules.ts'
import { defineNet, type NetDefinition } from '../definition.ts'
import type { LayerNode } from '../layer.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { maxPool } from '../layers/pool.ts'
import { type NetVariant, normRule, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

export interface TensorflowMnistOptions extends NetVariant {
  /** The norm layers. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

export const tensorflowMnistRules: Rules<TensorflowMnistOptions> = {
  ...variantRules,
  norm: normRule
}

/**
 * A small AlexNet for MNIST as a TensorFlow program has it: three stages of a 3×3 convolution (64, 128, 256 filters),
 * ReLU, 2×2 pooling, LRN and dropout, then dense layers of 1024, 1024 and 10. All weights and biases begin as N(0, 1),
 * so the first losses are in the hundred thousands. LRN is TensorFlow's: depth radius 4, so windows of 9; bias 1,
 * α .001 / 9 of the sum of squares, β .75. Dropout keeps .8.
 *
 * Input [N, 1, 28, 28] by default. Output: logits [N, 10].
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 */
export function tensorflowMnist(options: TensorflowMnistOptions = {}): NetDefinition {
  checkOptions('tf-mnist', options, record<TensorflowMnistOptions>(tensorflowMnistRules))
  const {
    classes = 10,
    input = { channels: 1, height: 28, width: 28 },
    dropout: rate = 0.2,
    width = 1,
    norm = 'lrn'
  } = options
  const scale = atWidth(width)
  const { activation } = variantLayers(options)
  const start = { init: { normal: { std: 1 } }, biasInit: { normal: { std: 1 } } } as const
  const stage = (i: number, filters: number): LayerNode[] => [
    conv2d({ name: `conv${i}`, filters, size: 3, padding: 'same', ...start }),
    activation(),
    maxPool({ name: `pool${i}`, size: 2, stride: 2, padding: 'same' }),
    ...(norm === 'none'
      ? []
      : [lrn({ name: `norm${i}`, size: 9, k: 1, alpha: 0.001 / 9, alphaOf: 'sum', beta: 0.75 })]),
    dropout({ name: `drop${i}`, rate })
  ]
  return defineNet({
    name: 'tf-mnist',
    input,
    layers: [
      ...stage(1, scale(64)),
      ...stage(2, scale(128)),
      ...stage(3, scale(256)),
      flatten(),
      dense({ name: 'fc4', units: scale(1024), ...start }),
      activation(),
      dense({ name: 'fc5', units: scale(1024), ...start }),
      activation(),
      dense({ name: 'fc6', units: classes, ...start })
    ]
  })
}
