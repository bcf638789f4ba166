import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { roundedUp } from './chm-145.ts'
import { type NetVariant, partsOf } from './options.ts'
import { atWidth } from './width.ts'

export interface Convnet2Options extends NetVariant {
  /** The norm layers. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

const start = (std: number, bias: number) => ({
  init: { normal: { std } },
  biasInit: { constant: bias }
})

/**
 * The net of cuda-convnet2 for one GPU (layers-imagenet-1gpu.cfg): 64-192-384-256-256 filters in one tower, with
 * the order of layers, the LRN, the start and the 224 pixels of `chm-145`, no norm within maps, and biases of
 * -7 in fc8 (1/1000 as logistic chances; to a softmax they are nothing). Krizhevsky 2014, "One weird trick".
 * 61,100,840 parameters.
 */
export function convnet2(options: Convnet2Options = {}): NetDefinition {
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const of = atWidth(width)
  const { pool, activation, padding2 } = partsOf(options)
  const across = (name: string) => (norm === 'lrn' ? [lrn({ name, alphaOf: 'mean' })] : [])
  const drop = { rate, scaleAt: 'test' } as const
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'convnet2',
    input,
    layers: [
      conv2d({
        ...{ name: 'conv1', filters: of(64), size: 11, stride: 4, padding: roundedUp(input) },
        ...start(0.01, 0)
      }),
      ...across('norm1'),
      pool('pool1'),
      activation(),
      conv2d({ name: 'conv2', filters: of(192), size: 5, padding: padding2, ...start(0.01, 1) }),
      activation(),
      ...across('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(384), ...small, ...start(0.03, 0) }),
      activation(),
      conv2d({ name: 'conv4', filters: of(256), ...small, ...start(0.03, 1) }),
      activation(),
      conv2d({ name: 'conv5', filters: of(256), ...small, ...start(0.03, 1) }),
      pool('pool5'),
      activation(),
      flatten(),
      dense({ name: 'fc6', units: of(4096), ...start(0.01, 1) }),
      activation(),
      dropout({ name: 'drop6', ...drop }),
      dense({ name: 'fc7', units: of(4096), ...start(0.01, 1) }),
      activation(),
      dropout({ name: 'drop7', ...drop }),
      dense({ name: 'fc8', units: classes, ...start(0.01, -7) })
    ]
  })
}
