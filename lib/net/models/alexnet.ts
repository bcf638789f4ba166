import { NetDefinition } from '../definition.ts'
import type { LayerNode } from '../layer.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { lrn } from '../layers/lrn.ts'
import { hiddenLayers } from './hidden.ts'
import { columnsOf, partsOf, type TowerVariant } from './options.ts'
import { atWidth } from './width.ts'

export interface AlexNetOptions extends TowerVariant {
  /** What follows conv1 and conv2. Default 'lrn', as in the paper. */
  readonly norm?: 'lrn' | 'batch' | 'none'
  /** Where dropout scales: 'test' is the paper's way, 'train' everyone's today. Default 'train'. */
  readonly scaleAt?: 'train' | 'test'
  /** How it begins: as the paper says, or as He 2015. Default 'paper', and 'he' with `norm: 'batch'`. */
  readonly init?: 'paper' | 'he'
}

const sigma = (std: number) => ({ normal: { std } })
const one = { constant: 1 }

/**
 * The paper's net on one device: 96-256-384-384-256 filters, groups of 2 on conv2, conv4 and conv5 where
 * the paper's two towers did not see each other, LRN windows that stop at the towers' border, and an
 * alpha that multiplies the sum. Krizhevsky, Sutskever and Hinton 2012. 60,965,224 parameters. Its input is
 * 3×227×227 unless said otherwise: the paper's 224 with the border that its code really read.
 *
 * Weights begin as N(0, .01); the biases of conv2, conv4, conv5, fc6 and fc7 as 1. With `norm: 'batch'`
 * they begin as He 2015 and 0, since batch norm takes over what the paper's start was for, and the dense
 * layers as those of `fashion`, for the same reason; `init: 'he'` starts all layers so with LRN, where few
 * steps are to show something.
 */
export function alexnet(options: AlexNetOptions = {}): NetDefinition {
  const {
    classes = 1000,
    input = { channels: 3, height: 227, width: 227 },
    norm = 'lrn',
    dropout: rate = 0.5,
    scaleAt = 'train',
    init = norm === 'batch' ? 'he' : 'paper',
    width = 1
  } = options
  const of = atWidth(width)
  const parts = partsOf(options)
  const { pool, activation, padding2 } = parts
  const columns = columnsOf(options)
  const { own, linked } = columns
  const [f1, f2, f3, f4, f5] = columns.filters
  const paper = init === 'paper'
  const start = (bias: boolean) =>
    paper ? { init: sigma(0.01), biasInit: bias ? one : { constant: 0 } } : {}
  const calm = !paper && norm === 'batch'
  const normal = (name: string): LayerNode[] =>
    norm === 'lrn' ? [lrn({ name, groups: own })] : norm === 'batch' ? [batchNorm({ name })] : []
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'alexnet',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: of(f1), size: 11, stride: 4, ...start(false) }),
      activation(),
      ...normal('norm1'),
      pool('pool1'),
      conv2d({
        ...{ name: 'conv2', filters: of(f2), size: 5, padding: padding2, groups: own },
        ...start(true)
      }),
      activation(),
      ...normal('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(f3), ...small, groups: linked, ...start(false) }),
      activation(),
      conv2d({ name: 'conv4', filters: of(f4), ...small, groups: own, ...start(true) }),
      activation(),
      conv2d({ name: 'conv5', filters: of(f5), ...small, groups: own, ...start(true) }),
      activation(),
      pool('pool5'),
      ...hiddenLayers({
        ...{ from: 'pool5', parts, columns, of, classes, drop: { rate, scaleAt } },
        start: calm ? { init: 'pytorch' } : start(true),
        startLast: calm ? { init: sigma(0.01) } : start(false)
      })
    ]
  })
}
