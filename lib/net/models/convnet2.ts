import { checkOptions } from '../../util/check/check.ts'
import { type Rules, record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { roundedUp } from './chm-145.ts'
import { normalInit } from './init.ts'
import { type NetVariant, normRule, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

/** Options of `convnet2`. */
export interface Convnet2Options extends NetVariant {
  /** The layer after conv1 and conv2. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

/** What they must be. */
export const convnet2Rules: Rules<Convnet2Options> = { ...variantRules, norm: normRule }

/**
 * cuda-convnet2's net for one GPU: 64-192-384-256-256 filters in one tower. Layer order, LRN and initial weights are
 * those of `chm145`, without the LRN within maps. The biases of fc8 are -7: about 1/1000 as logistic probabilities,
 * and no change to a softmax. 61,100,840 parameters.
 *
 * Input [N, 3, 224, 224] by default. Output: logits [N, 1000].
 *
 * Source: cuda-convnet2, layers-imagenet-1gpu.cfg; Krizhevsky 2014, "One weird trick for parallelizing convolutional
 * neural networks".
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await convnet2().build(device, { batch: 128 })
 */
export function convnet2(options: Convnet2Options = {}): NetDefinition {
  checkOptions('convnet2', options, record<Convnet2Options>(convnet2Rules))
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation, conv2Padding } = variantLayers(options)
  const across = (name: string) => (norm === 'lrn' ? [lrn({ name, alphaOf: 'mean' })] : [])
  const drop = { rate, scaleAt: 'test' } as const
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'convnet2',
    input,
    layers: [
      conv2d({
        name: 'conv1',
        filters: scale(64),
        size: 11,
        stride: 4,
        padding: roundedUp(input),
        ...normalInit(0.01, 0)
      }),
      ...across('norm1'),
      pool('pool1'),
      activation(),
      conv2d({
        name: 'conv2',
        filters: scale(192),
        size: 5,
        padding: conv2Padding,
        ...normalInit(0.01, 1)
      }),
      activation(),
      ...across('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(384), ...small, ...normalInit(0.03, 0) }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(256), ...small, ...normalInit(0.03, 1) }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(256), ...small, ...normalInit(0.03, 1) }),
      pool('pool5'),
      activation(),
      flatten(),
      dense({ name: 'fc6', units: scale(4096), ...normalInit(0.01, 1) }),
      activation(),
      dropout({ name: 'drop6', ...drop }),
      dense({ name: 'fc7', units: scale(4096), ...normalInit(0.01, 1) }),
      activation(),
      dropout({ name: 'drop7', ...drop }),
      dense({ name: 'fc8', units: classes, ...normalInit(0.01, -7) })
    ]
  })
}
