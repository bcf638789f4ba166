import { checkOptions } from '../../util/check/check.ts'
import { maybe, oneOf, type Rules, record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import type { LayerNode } from '../layer.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { lrn } from '../layers/lrn.ts'
import { hiddenLayers } from './hidden.ts'
import { normalInit } from './init.ts'
import { columnsOf, type TowerVariant, towerRules, variantLayers } from './options.ts'
import { atWidth } from './width.ts'

/** Options of `alexnet`. */
export interface AlexNetOptions extends TowerVariant {
  /** The layer after conv1 and conv2. Default 'lrn', as in the paper. */
  readonly norm?: 'lrn' | 'batch' | 'none'
  /** When dropout scales: 'test' as in the paper, 'train' as libraries do today. Default 'train'. */
  readonly scaleAt?: 'train' | 'test'
  /** Initial parameters: the paper's, or He's. Default 'paper', or 'he' with `norm: 'batch'`. */
  readonly init?: 'paper' | 'he'
}

/** What they must be. */
export const alexnetRules: Rules<AlexNetOptions> = {
  ...towerRules,
  norm: maybe(oneOf('lrn', 'batch', 'none')),
  scaleAt: maybe(oneOf('train', 'test')),
  init: maybe(oneOf('paper', 'he'))
}

/**
 * AlexNet as in the paper, on one device. 96-256-384-384-256 filters in two towers: conv2, conv4 and conv5 have 2
 * groups, and LRN windows stop at the towers' border. LRN's α multiplies the sum of squares. 60,965,224 parameters.
 *
 * Input [N, 3, 227, 227] by default: the paper's 224 pixels with the border that its code reads. Output: logits
 * [N, 1000].
 *
 * Initial weights are N(0, .01²). Biases are 1 in conv2, conv4, conv5, fc6 and fc7, and 0 elsewhere. `init: 'he'`
 * initialises weights as He 2015 and biases as 0, for runs of few steps. It is the default with batch norm, where the
 * dense layers are initialised as those of `fashion`.
 *
 * Source: Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional neural networks".
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await alexnet({ classes: 100 }).build(device, { batch: 128 })
 */
export function alexnet(options: AlexNetOptions = {}): NetDefinition {
  checkOptions('alexnet', options, record<AlexNetOptions>(alexnetRules))
  const {
    classes = 1000,
    input = { channels: 3, height: 227, width: 227 },
    norm = 'lrn',
    dropout: rate = 0.5,
    scaleAt = 'train',
    init = norm === 'batch' ? 'he' : 'paper',
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation, conv2Padding } = variantLayers(options)
  const columns = columnsOf(options)
  const { own, linked } = columns
  const [f1, f2, f3, f4, f5] = columns.filters
  const paper = init === 'paper'
  const weights = paper ? normalInit(0.01, 0) : {}
  const biased = paper ? normalInit(0.01, 1) : {}
  const fashionInit = !paper && norm === 'batch'
  const normal = (name: string): LayerNode[] =>
    norm === 'lrn' ? [lrn({ name, groups: own })] : norm === 'batch' ? [batchNorm({ name })] : []
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'alexnet',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: scale(f1), size: 11, stride: 4, ...weights }),
      activation(),
      ...normal('norm1'),
      pool('pool1'),
      conv2d({
        name: 'conv2',
        filters: scale(f2),
        size: 5,
        padding: conv2Padding,
        groups: own,
        ...biased
      }),
      activation(),
      ...normal('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: scale(f3), ...small, groups: linked, ...weights }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(f4), ...small, groups: own, ...biased }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(f5), ...small, groups: own, ...biased }),
      activation(),
      pool('pool5'),
      ...hiddenLayers({
        from: 'pool5',
        activation,
        columns,
        scale,
        classes,
        drop: { rate, scaleAt },
        init: fashionInit ? { init: 'pytorch' } : biased,
        lastInit: fashionInit ? { init: { normal: { std: 0.01 } } } : weights
      })
    ]
  })
}
