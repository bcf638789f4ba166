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
 * AlexNet as it is often taught with Fashion-MNIST: one tower, and batch norm in place of LRN.
 *
 * Input [N, 1, 224, 224] by default. Output: logits [N, 10].
 *
 * Convolutions are initialised as He 2015; batch norm keeps their outputs at unit scale. fc6 and fc7 are initialised
 * as PyTorch's Linear, with a sixth of He's variance: max pooling and dropout each about double the second moment, so
 * that with He's variance the first logits would be near ±3, and the first steps diverge at any rate that learns. fc8
 * is N(0, .01²), so that the first loss is about ln 10. Biases are 0.
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await fashion().build(device, { batch: 16 })
 */
export function fashion(options: NetVariant = {}): NetDefinition {
  checkOptions('fashion', options, record<NetVariant>(variantRules))
  const {
    classes = 10,
    input = { channels: 1, height: 224, width: 224 },
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation } = variantLayers(options)
  return new NetDefinition({
    name: 'fashion',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: scale(96), size: 11, stride: 4 }),
      activation(),
      batchNorm({ name: 'norm1' }),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: scale(256), size: 5, padding: 'same' }),
      activation(),
      batchNorm({ name: 'norm2' }),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(384), size: 3, padding: 'same' }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(384), size: 3, padding: 'same' }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(256), size: 3, padding: 'same' }),
      activation(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: scale(4096), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: scale(4096), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, init: { normal: { std: 0.01 } } })
    ]
  })
}
