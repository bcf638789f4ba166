import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { lrn, lrnWithin } from '../layers/lrn.ts'
import type { InputShape } from '../spec.ts'
import { hiddenLayers } from './hidden.ts'
import { columnsOf, partsOf, type TowerVariant } from './options.ts'
import { atWidth } from './width.ts'

export interface Chm145Options extends TowerVariant {
  /** The norm layers, across maps and within them. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

const start = (std: number, bias: number) => ({
  init: { normal: { std } },
  biasInit: { constant: bias }
})

/**
 * [top, bottom, left, right]: as many zeros below and on the right as let the last window of conv1 begin. The
 * original code rounds the number of outputs up and reads nothing beyond the image: 224 pixels give 55 outputs.
 */
export function roundedUp({
  height,
  width
}: InputShape): readonly [number, number, number, number] {
  const missing = (length: number) => (4 - ((length - 11) % 4)) % 4
  return [0, missing(height), 0, missing(width)]
}

/**
 * The net of run #145 of the original code (Computer History Museum, layers-145.cfg): the paper's net as it was
 * really trained. It differs from `alexnet` in the order of the first stage (conv, norm, pool, ReLU) and the last
 * one (conv, pool, ReLU), in LRN's alpha, which is divided by the window's 5 maps, in a norm within maps
 * after the second LRN (5×5, alpha .001 over 25 cells, beta .75, k 1), in σ .03 of conv3 to conv5, and in its
 * 224 pixels. Dropout scales when testing. 60,965,224 parameters.
 *
 * `columns: 1` is run #145-half, `links: false` run #150, `norm: 'none'` run #148, `pool: '2x2'` run #147.
 */
export function chm145(options: Chm145Options = {}): NetDefinition {
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const of = atWidth(width)
  const parts = partsOf(options)
  const { pool, activation, padding2 } = parts
  const columns = columnsOf(options)
  const { own, linked } = columns
  const [f1, f2, f3, f4, f5] = columns.filters
  const across = (name: string) => lrn({ name, groups: own, alphaOf: 'mean' })
  const within = (name: string) => lrnWithin({ name, alpha: 0.001, alphaOf: 'mean', k: 1 })
  const normal = norm === 'lrn'
  const small = { size: 3, padding: 1 }
  return new NetDefinition({
    name: 'chm-145',
    input,
    layers: [
      conv2d({
        ...{ name: 'conv1', filters: of(f1), size: 11, stride: 4, padding: roundedUp(input) },
        ...start(0.01, 0)
      }),
      ...(normal ? [across('norm1')] : []),
      pool('pool1'),
      activation(),
      conv2d({
        ...{ name: 'conv2', filters: of(f2), size: 5, padding: padding2, groups: own },
        ...start(0.01, 1)
      }),
      activation(),
      ...(normal ? [across('norm2'), within('norm2maps')] : []),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(f3), ...small, groups: linked, ...start(0.03, 0) }),
      activation(),
      conv2d({ name: 'conv4', filters: of(f4), ...small, groups: own, ...start(0.03, 1) }),
      activation(),
      conv2d({ name: 'conv5', filters: of(f5), ...small, groups: own, ...start(0.03, 1) }),
      pool('pool5'),
      activation('maps5'),
      ...hiddenLayers({
        ...{ from: 'maps5', parts, columns, of, classes, drop: { rate, scaleAt: 'test' } },
        start: start(0.01, 1),
        startLast: start(0.01, 0)
      })
    ]
  })
}
