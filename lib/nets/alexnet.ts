import { type InputShape, NetDefinition } from '../definition.ts'
import type { LayerNode } from '../layer.ts'
import { batchNorm } from '../layers/batch-norm.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { lrn } from '../layers/lrn.ts'
import { maxPool } from '../layers/pool.ts'
import { relu } from '../layers/relu.ts'
import { atWidth } from './width.ts'

export interface AlexNetOptions {
  /** Default 1000. */
  readonly classes?: number
  /** Default 3×227×227, which is the paper's 224 with the border that its code really read. */
  readonly input?: InputShape
  /** What follows conv1 and conv2. Default 'lrn', as in the paper. */
  readonly norm?: 'lrn' | 'batch' | 'none'
  /** Chance of dropping a value after fc6 and fc7. Default .5. */
  readonly dropout?: number
  /** How it begins: as the paper says, or as He 2015. Default 'paper', and 'he' with `norm: 'batch'`. */
  readonly init?: 'paper' | 'he'
  /** Filters and hidden units as a fraction of the usual ones. Default 1. */
  readonly width?: number
}

const sigma = (std: number) => ({ normal: { std } })
const one = { constant: 1 }

/**
 * The paper's net on one device: 96-256-384-384-256 filters, groups of 2 on conv2, conv4 and conv5 where
 * the paper's two towers did not see each other, LRN windows that stop at the towers' border, and an
 * alpha that multiplies the sum. Krizhevsky, Sutskever and Hinton 2012. 60,965,224 parameters.
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
    init = norm === 'batch' ? 'he' : 'paper',
    width = 1
  } = options
  const of = atWidth(width)
  const paper = init === 'paper'
  const start = (bias: boolean) =>
    paper ? { init: sigma(0.01), biasInit: bias ? one : { constant: 0 } } : {}
  const calm = !paper && norm === 'batch'
  const startHidden = calm ? { init: 'pytorch' as const } : start(true)
  const startLast = calm ? { init: sigma(0.01) } : start(false)
  const normal = (name: string): LayerNode[] =>
    norm === 'lrn' ? [lrn({ name, groups: 2 })] : norm === 'batch' ? [batchNorm({ name })] : []
  return new NetDefinition({
    name: 'alexnet',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: of(96), size: 11, stride: 4, ...start(false) }),
      relu(),
      ...normal('norm1'),
      maxPool({ name: 'pool1', size: 3, stride: 2 }),
      conv2d({ name: 'conv2', filters: of(256), size: 5, padding: 2, groups: 2, ...start(true) }),
      relu(),
      ...normal('norm2'),
      maxPool({ name: 'pool2', size: 3, stride: 2 }),
      conv2d({ name: 'conv3', filters: of(384), size: 3, padding: 1, ...start(false) }),
      relu(),
      conv2d({ name: 'conv4', filters: of(384), size: 3, padding: 1, groups: 2, ...start(true) }),
      relu(),
      conv2d({ name: 'conv5', filters: of(256), size: 3, padding: 1, groups: 2, ...start(true) }),
      relu(),
      maxPool({ name: 'pool5', size: 3, stride: 2 }),
      flatten(),
      dense({ name: 'fc6', units: of(4096), ...startHidden }),
      relu(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc7', units: of(4096), ...startHidden }),
      relu(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc8', units: classes, ...startLast })
    ]
  })
}
