/** AlexNet for images of 28×28, cut from 32×32, whole or without one of its parts. */
import {
  conv2d,
  defineNet,
  dense,
  dropout,
  flatten,
  type LayerNode,
  lrn,
  maxPool,
  type NetDefinition,
  relu
} from 'alexnode'

/** The net, and what is left out of it. */
export const variants = [
  'whole',
  'plain pooling',
  'no LRN',
  'no dropout',
  'no colour noise',
  'one tower'
] as const

export type Variant = (typeof variants)[number]

/** What the paper says of each part, of ImageNet unless it says CIFAR-10. */
export const claims: Readonly<Record<string, string>> = {
  'plain pooling': '+0.4 top-1 (3.4)',
  'no LRN': '+1.4 top-1; on CIFAR-10 13 % instead of 11 (3.3)',
  'no dropout': 'overfits badly (4.2)',
  'no colour noise': 'over +1 top-1 (4.1)',
  'one tower': '+1.7 top-1 (3.2)'
}

/**
 * Two towers are groups of one net: conv2, conv4 and conv5 read their own, conv3 and the dense layers both. One tower
 * has half the filters up to conv4, and as many as both together in conv5 and the dense layers, as in the paper.
 *
 * @param width factor on the numbers of filters and units
 */
export function smallAlexNet(variant: Variant, classes: number, width = 1): NetDefinition {
  const one = variant === 'one tower'
  const groups = one ? 1 : 2
  const wide = (filters: number) => Math.round(filters * width)
  const tower = (filters: number) => wide(one ? filters / 2 : filters)
  const size = variant === 'plain pooling' ? 2 : 3
  const pool = (name: string) => maxPool({ name, size, stride: 2, ceil: size === 2 })
  const norm = (name: string): LayerNode[] => (variant === 'no LRN' ? [] : [lrn({ name, groups })])
  const drop = (name: string): LayerNode[] =>
    variant === 'no dropout' ? [] : [dropout({ name, rate: 0.5 })]
  return defineNet({
    name: variant.replaceAll(' ', '-'),
    input: { channels: 3, height: 28, width: 28 },
    layers: [
      conv2d({ name: 'conv1', filters: tower(32), size: 5, padding: 2 }),
      relu(),
      ...norm('norm1'),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: tower(64), size: 5, padding: 2, groups }),
      relu(),
      ...norm('norm2'),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: tower(96), size: 3, padding: 1 }),
      relu(),
      conv2d({ name: 'conv4', filters: tower(96), size: 3, padding: 1, groups }),
      relu(),
      conv2d({ name: 'conv5', filters: wide(64), size: 3, padding: 1, groups }),
      relu(),
      pool('pool5'),
      flatten(),
      dense({ name: 'fc6', units: wide(256) }),
      relu(),
      ...drop('drop6'),
      dense({ name: 'fc7', units: wide(256) }),
      relu(),
      ...drop('drop7'),
      dense({ name: 'fc8', units: classes, init: { normal: { std: 0.01 } } })
    ]
  })
}
