import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { type NetVariant, partsOf } from './options.ts'
import { atWidth } from './width.ts'

export interface CaffeOptions extends NetVariant {
  /** The norm layers. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

const start = (std: number, bias: number) => ({
  init: { normal: { std } },
  biasInit: { constant: bias }
})

/**
 * Caffe's `bvlc_alexnet` (train_val.prototxt): the paper's filters and groups, LRN with k 1 and an alpha divided
 * by 5, over all 96 maps and not by tower, biases of .1 where the paper has 1 (which left Caffe with a flat
 * loss), σ .005 in fc6 and fc7. 60,965,224 parameters.
 */
export function caffe(options: CaffeOptions = {}): NetDefinition {
  const {
    classes = 1000,
    input = { channels: 3, height: 227, width: 227 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const of = atWidth(width)
  const { pool, activation, padding2: padding } = partsOf(options)
  const across = (name: string) => (norm === 'lrn' ? [lrn({ name, alphaOf: 'mean', k: 1 })] : [])
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'caffe',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: of(96), size: 11, stride: 4, ...start(0.01, 0) }),
      activation(),
      ...across('norm1'),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: of(256), size: 5, padding, groups: 2, ...start(0.01, 0.1) }),
      activation(),
      ...across('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(384), ...small, ...start(0.01, 0) }),
      activation(),
      conv2d({ name: 'conv4', filters: of(384), ...small, groups: 2, ...start(0.01, 0.1) }),
      activation(),
      conv2d({ name: 'conv5', filters: of(256), ...small, groups: 2, ...start(0.01, 0.1) }),
      activation(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: of(4096), ...start(0.005, 0.1) }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: of(4096), ...start(0.005, 0.1) }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, ...start(0.01, 0) })
    ]
  })
}
