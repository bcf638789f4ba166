import { paper } from './paper.ts'
import type { Recipe } from './recipe.ts'

const notes = (number: string) => `notes in layer-params-${number}.cfg`

/**
 * Run #145 of the original code, by its parameter files and their notes: what was really trained. The rates of weights
 * were changed by hand at these epochs, those of biases were not; conv1 was slowed down and then frozen.
 */
export const chm145: Recipe = {
  name: 'chm-145',
  title: "run #145 of the original code: the paper's net as it was really trained",
  sources: [
    'AlexNet source code, Computer History Museum: layers-145.cfg, layer-params-145.cfg, convdata_jpeg.py'
  ],
  net: { name: 'chm-145', options: { classes: 1000 } },
  photos: { form: 'crop', size: 256, channels: 'RGB' },
  input: {
    fit: 'crop',
    flip: true,
    offsets: 33,
    shared: 32,
    mean: 'centre',
    colour: { form: 'deviation', sigma: 0.1, divide: 1.1, until: 67 }
  },
  batch: 128,
  epochs: 91,
  update: { form: 'paper', momentum: 0.9 },
  rates: {
    weight: {
      rate: 0.01,
      changes: [
        { epoch: 25, rate: 0.001 },
        { epoch: 51, rate: 0.0001 },
        { epoch: 79, rate: 0.00001 }
      ]
    },
    bias: { rate: 0.02 },
    layers: {
      conv1: {
        weight: {
          rate: 0.01,
          changes: [
            { epoch: 25, rate: 0.001 },
            { epoch: 51, rate: 0.0001 },
            { epoch: 67, rate: 0.00001 },
            { epoch: 72, rate: 0 }
          ]
        },
        bias: { rate: 0.02, changes: [{ epoch: 72, rate: 0 }] }
      }
    }
  },
  decay: { weight: 0.0005, bias: 0 },
  test: { views: 10 },
  expected: [
    { on: 'ILSVRC-2010 test', views: 10, top1: 0.3747, top5: 0.17, source: notes('145-2010') },
    { on: 'ILSVRC-2010 test', views: 1, top1: 0.3902, top5: 0.183, source: notes('145-2010') },
    { on: 'ILSVRC-2012 validation', views: 10, top1: 0.4066, top5: 0.1821, source: notes('145') }
  ],
  ...(paper.ablated && { ablated: paper.ablated }),
  differs: [
    'The two towers are groups of one net; with --devices a,b each device computes one, as it was.',
    'The runs on other data and with things taken away had drops of their own, within a few epochs of these.'
  ]
}
