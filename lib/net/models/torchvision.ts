import { checkOptions } from '../../util/check/check.ts'
import { record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { type NetVariant, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

const init = { init: 'pytorch', biasInit: 'pytorch' } as const

/**
 * torchvision's `alexnet`: 64-192-384-256-256 filters in one tower, no LRN, and PyTorch's initial values. 61,100,840
 * parameters.
 *
 * Input [N, 3, 224, 224] by default. Output: logits [N, 1000].
 *
 * Source: torchvision/models/alexnet.py, after Krizhevsky 2014, "One weird trick for parallelizing convolutional
 * neural networks".
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await torchvision({ classes: 10 }).build(device, { batch: 128 })
 */
export function torchvision(options: NetVariant = {}): NetDefinition {
  checkOptions('torchvision', options, record<NetVariant>(variantRules))
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation, conv2Padding: padding } = variantLayers(options)
  return new NetDefinition({
    name: 'torchvision',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: scale(64), size: 11, stride: 4, padding: 2, ...init }),
      activation(),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: scale(192), size: 5, padding, ...init }),
      activation(),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(384), size: 3, padding: 1, ...init }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(256), size: 3, padding: 1, ...init }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(256), size: 3, padding: 1, ...init }),
      activation(),
      pool('pool5'),
      flatten(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc6', units: scale(4096), ...init }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc7', units: scale(4096), ...init }),
      activation(),
      dense({ name: 'fc8', units: classes, ...init })
    ]
  })
}
