import { checkOptions } from '../../util/check/check.ts'
import { record } from '../../util/check/rules.ts'
import { defineNet, type NetDefinition } from '../definition.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { type NetVariant, variantLayers, variantRules } from './options.ts'
import { atWidth } from './width.ts'

/**
 * AlexNet for Fashion-MNIST as a Keras program has it: the layers of `fashion`, Glorot's uniform weights, batch norm
 * with Keras's ε 10⁻³ and a running share of .01 a step, and a last layer of ten sigmoids.
 *
 * The loss is that of softmax all the same: Keras remembers the logits behind its sigmoids, and its sparse categorical
 * cross-entropy takes them where it finds them (seen in Keras 3.15; `_keras_logits`). Given sigmoids of another
 * function it divides them by their sum: that is `head: 'sigmoid'`.
 *
 * Input [N, 1, 224, 224] by default. Output: logits [N, 10].
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 */
export function kerasFashion(options: NetVariant = {}): NetDefinition {
  checkOptions('keras-fashion', options, record<NetVariant>(variantRules))
  const {
    classes = 10,
    input = { channels: 1, height: 224, width: 224 },
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation } = variantLayers(options)
  const init = 'glorot'
  const norm = (name: string) => batchNorm({ name, epsilon: 1e-3, momentum: 0.01 })
  return defineNet({
    name: 'keras-fashion',
    input,
    head: { loss: 'softmax', output: 'sigmoid' },
    layers: [
      conv2d({ name: 'conv1', filters: scale(96), size: 11, stride: 4, init }),
      activation(),
      norm('norm1'),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: scale(256), size: 5, padding: 'same', init }),
      activation(),
      norm('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(384), size: 3, padding: 'same', init }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(384), size: 3, padding: 'same', init }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(256), size: 3, padding: 'same', init }),
      activation(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: scale(4096), init }),
      activation(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: scale(4096), init }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, init })
    ]
  })
}
