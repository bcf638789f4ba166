import { checkOptions } from '../../util/check/check.ts'
import { type Rules, record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { normalInit } from './init.ts'
import { type NetVariant, normRule, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

/** Options of `caffe`. */
export interface CaffeOptions extends NetVariant {
  /** The layer after conv1 and conv2. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

/** What they must be. */
export const caffeRules: Rules<CaffeOptions> = { ...variantRules, norm: normRule }

/**
 * Caffe's `bvlc_alexnet`. It has the paper's filters and groups, and differs in these points: LRN has k 1, α takes
 * the mean, and windows reach over both towers; biases are .1 where the paper has 1 (with which Caffe's loss stayed
 * flat); fc6 and fc7 are initialised from N(0, .005²). 60,965,224 parameters.
 *
 * Input [N, 3, 227, 227] by default. Output: logits [N, 1000].
 *
 * Source: Caffe, models/bvlc_alexnet/train_val.prototxt.
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await caffe().build(device, { batch: 256 })
 */
export function caffe(options: CaffeOptions = {}): NetDefinition {
  checkOptions('caffe', options, record<CaffeOptions>(caffeRules))
  const {
    classes = 1000,
    input = { channels: 3, height: 227, width: 227 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation, conv2Padding: padding } = variantLayers(options)
  const across = (name: string) => (norm === 'lrn' ? [lrn({ name, alphaOf: 'mean', k: 1 })] : [])
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'caffe',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: scale(96), size: 11, stride: 4, ...normalInit(0.01, 0) }),
      activation(),
      ...across('norm1'),
      pool('pool1'),
      conv2d({
        name: 'conv2',
        filters: scale(256),
        size: 5,
        padding,
        groups: 2,
        ...normalInit(0.01, 0.1)
      }),
      activation(),
      ...across('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(384), ...small, ...normalInit(0.01, 0) }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(384), ...small, groups: 2, ...normalInit(0.01, 0.1) }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(256), ...small, groups: 2, ...normalInit(0.01, 0.1) }),
      activation(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: scale(4096), ...normalInit(0.005, 0.1) }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: scale(4096), ...normalInit(0.005, 0.1) }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, ...normalInit(0.01, 0) })
    ]
  })
}
