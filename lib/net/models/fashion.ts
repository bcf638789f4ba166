import { NetDefinition } from '../definition.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { type NetVariant, partsOf } from './options.ts'
import { atWidth } from './width.ts'

/**
 * AlexNet as it is often taught on Fashion-MNIST: one grey channel at 224×224, batch norm in place of LRN,
 * one tower, 10 classes.
 *
 * Convolutions begin as He 2015 (normal, variance 2 / fan-in), which batch norm keeps at unit scale. fc6 and
 * fc7 begin as PyTorch's Linear does (a sixth of He's variance): max pooling and dropout each about double the
 * second moment on the way, and with He's start the logits would begin near ±3 and the first steps blow up, at
 * any rate that learns. fc8 begins as N(0, .01), so that the first loss is about ln 10. Biases begin as 0.
 */
export function fashion(options: NetVariant = {}): NetDefinition {
  const {
    classes = 10,
    input = { channels: 1, height: 224, width: 224 },
    dropout: rate = 0.5,
    width = 1
  } = options
  const of = atWidth(width)
  const { pool, activation } = partsOf(options)
  return new NetDefinition({
    name: 'fashion',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: of(96), size: 11, stride: 4 }),
      activation(),
      batchNorm({ name: 'norm1' }),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: of(256), size: 5, padding: 'same' }),
      activation(),
      batchNorm({ name: 'norm2' }),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(384), size: 3, padding: 'same' }),
      activation(),
      conv2d({ name: 'conv4', filters: of(384), size: 3, padding: 'same' }),
      activation(),
      conv2d({ name: 'conv5', filters: of(256), size: 3, padding: 'same' }),
      activation(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: of(4096), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: of(4096), init: 'pytorch' }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, init: { normal: { std: 0.01 } } })
    ]
  })
}
