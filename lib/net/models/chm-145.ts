import { checkOptions } from '../../util/check/check.ts'
import { type Rules, record } from '../../util/check/rules.ts'
import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { lrn, lrnWithin } from '../layers/lrn.ts'
import type { InputShape } from '../spec.ts'
import { hiddenLayers } from './hidden.ts'
import { normalInit } from './init.ts'
import { columnsOf, normRule, type TowerVariant, towerRules, variantLayers } from './options.ts'
import { atWidth } from './width.ts'

/** Options of `chm145`. */
export interface Chm145Options extends TowerVariant {
  /** The norm layers: LRN after conv1 and conv2, and within maps after the second. Default 'lrn'. */
  readonly norm?: 'lrn' | 'none'
}

/** What they must be. */
export const chm145Rules: Rules<Chm145Options> = { ...towerRules, norm: normRule }

/**
 * Padding of conv1 at the bottom and the right: zeros that complete the last window. The original code rounds the
 * number of outputs up: 224 pixels give 55 outputs.
 * @returns [top, bottom, left, right]
 */
export function roundedUp({
  height,
  width
}: InputShape): readonly [number, number, number, number] {
  const missing = (length: number) => (4 - ((length - 11) % 4)) % 4
  return [0, missing(height), 0, missing(width)]
}

/**
 * The paper's net as it was trained: run #145 of the original code. 60,965,224 parameters. It differs from `alexnet`
 * in these points:
 *
 * - The first stages are conv, norm, pool, ReLU; the last one is conv, pool, ReLU.
 * - LRN's α takes the mean over the window's 5 maps.
 * - An LRN within maps follows the second LRN: 5×5 cells, α .001 of the mean, β .75, k 1.
 * - conv3 to conv5 are initialised from N(0, .03²).
 * - Dropout scales at inference.
 *
 * Input [N, 3, 224, 224] by default. Output: logits [N, 1000]. `columns: 1` is run #145-half, `links: false` run #150,
 * `norm: 'none'` run #148, `pool: '2x2'` run #147.
 *
 * Source: Computer History Museum, "AlexNet source code", layers-145.cfg.
 *
 * @throws Error for a `width` that leaves no whole numbers of filters
 *
 * @example
 * await using net = await chm145().build(device, { batch: 128 })
 */
export function chm145(options: Chm145Options = {}): NetDefinition {
  checkOptions('chm-145', options, record<Chm145Options>(chm145Rules))
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    norm = 'lrn',
    dropout: rate = 0.5,
    width = 1
  } = options
  const scale = atWidth(width)
  const { pool, activation, conv2Padding } = variantLayers(options)
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
        name: 'conv1',
        filters: scale(f1),
        size: 11,
        stride: 4,
        padding: roundedUp(input),
        ...normalInit(0.01, 0)
      }),
      ...(normal ? [across('norm1')] : []),
      pool('pool1'),
      activation(),
      conv2d({
        name: 'conv2',
        filters: scale(f2),
        size: 5,
        padding: conv2Padding,
        groups: own,
        ...normalInit(0.01, 1)
      }),
      activation(),
      ...(normal ? [across('norm2'), within('norm2maps')] : []),
      pool('pool2'),
      conv2d({
        name: 'conv3',
        filters: scale(f3),
        ...small,
        groups: linked,
        ...normalInit(0.03, 0)
      }),
      activation(),
      conv2d({ name: 'conv4', filters: scale(f4), ...small, groups: own, ...normalInit(0.03, 1) }),
      activation(),
      conv2d({ name: 'conv5', filters: scale(f5), ...small, groups: own, ...normalInit(0.03, 1) }),
      pool('pool5'),
      activation('maps5'),
      ...hiddenLayers({
        from: 'maps5',
        activation,
        columns,
        scale,
        classes,
        drop: { rate, scaleAt: 'test' },
        init: normalInit(0.01, 1),
        lastInit: normalInit(0.01, 0)
      })
    ]
  })
}
