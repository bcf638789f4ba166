import { checkOptions } from '../../util/check/check.ts'
import { record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { type NetVariant, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

/**
 * A small AlexNet for CIFAR: five convolutions, three of them pooled as in the paper, and three dense layers. Batch
 * norm replaces LRN, so that a few epochs are enough. 349,194 parameters, 12 M multiply-adds an image.
 *
 * Input [N, 3, 28, 28] by default: crops of images of 32×32. Output: logits [N, 10].
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await cifar().build(device, { batch: 64 })
 */
export function cifar(options: NetVariant = {}): NetDefinition {
  checkOptions('cifar', options, record<NetVariant>(variantRules))
  const {
    classes = 10,
    input = { channels: 3, height: 28, width: 28 },
    dropout: rate = 0.1,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation } = variantLayers(options)
  return new NetDefinition({
    name: 'cifar',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: scale(32), size: 5, padding: 2 }),
      activation(),
      batchNorm({ name: 'norm1' }),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: scale(64), size: 3, padding: 1 }),
      activation(),
      batchNorm({ name: 'norm2' }),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(96), size: 3, padding: 1 }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(96), size: 3, padding: 1 }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(64), size: 3, padding: 1 }),
      activation(),
      batchNorm({ name: 'norm5' }),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: scale(256), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: scale(256), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, init: { normal: { std: 0.01 } } })
    ]
  })
}
