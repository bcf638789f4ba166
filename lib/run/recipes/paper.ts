import type { RateCourse, Recipe } from './recipe.ts'

const rate: RateCourse = { rate: 0.01, plateau: { factor: 0.1, drops: 3 } }
const run = (number: string) => `run #${number} of the original code`
const val = 'ILSVRC-2012 validation'

/** The 2012 paper, as it is printed: Krizhevsky, Sutskever and Hinton, sections 3 to 6. */
export const paper: Recipe = {
  name: 'paper',
  title: 'the 2012 paper, as it is printed',
  sources: [
    'Krizhevsky, Sutskever and Hinton 2012, ImageNet Classification with Deep Convolutional ' +
      'Neural Networks'
  ],
  net: { name: 'alexnet', options: { classes: 1000, scaleAt: 'test' } },
  photos: { form: 'crop', size: 256, channels: 'RGB' },
  input: {
    fit: 'crop',
    flip: true,
    mean: 'pixel',
    colour: { form: 'eigenvalue', sigma: 0.1 }
  },
  batch: 128,
  epochs: 90,
  update: { form: 'paper', momentum: 0.9 },
  rates: { weight: rate, bias: rate },
  decay: { weight: 0.0005, bias: 0.0005 },
  test: { views: 10 },
  expected: [
    { on: 'ILSVRC-2010 test', views: 10, top1: 0.375, top5: 0.17, source: 'the paper, section 6' },
    { on: 'ILSVRC-2010 test', views: 1, top1: 0.39, top5: 0.183, source: 'the paper, section 4.1' },
    { on: val, views: 10, top1: 0.407, top5: 0.182, source: 'the paper, table 2' }
  ],
  ablated: {
    'no-lrn': [{ on: val, views: 10, top1: 0.4203, top5: 0.1936, source: run('148') }],
    'pool-2x2': [{ on: val, views: 10, top1: 0.4106, top5: 0.1851, source: run('147') }],
    'no-links': [{ on: val, views: 10, top1: 0.4183, top5: 0.1933, source: run('150') }],
    'one-column': [
      { on: 'ILSVRC-2010 test', views: 10, top1: 0.3917, top5: 0.1823, source: run('145-half') }
    ]
  },
  speeds: [
    // .61 to .51 s a batch.
    { on: 'two GTX 580, 2012', batch: 128, imagesPerSecond: [128 / 0.61, 128 / 0.51] }
  ],
  differs: [
    'The two towers are groups of one net; with --devices a,b each device computes one, as it was.',
    'The input is 227 of 256 pixels, in 30 places a side: the paper says 224, and its code read 3 more.',
    'The paper lowered the rate by hand; here it drops when validation has stalled.'
  ]
}
