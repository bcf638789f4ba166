import type { RateCourse, Recipe } from './recipe.ts'

const rate: RateCourse = {
  rate: 0.01,
  changes: [
    { epoch: 30, rate: 0.001 },
    { epoch: 60, rate: 0.0001 }
  ]
}

/** torchvision's reference training of its `alexnet`, on 8 GPUs with 32 images each. */
export const torchvision: Recipe = {
  name: 'torchvision',
  title: "torchvision's alexnet, as its reference scripts train it",
  sources: ['torchvision: models/alexnet.py, references/classification'],
  net: { name: 'torchvision', options: { classes: 1000 } },
  photos: { form: 'crop', size: 256, channels: 'RGB', filter: 'bilinear' },
  input: { fit: 'crop', flip: true, mean: 'channel', divide: 'std' },
  batch: 8 * 32,
  epochs: 90,
  update: { form: 'pytorch', momentum: 0.9 },
  rates: { weight: rate, bias: rate },
  decay: { weight: 0.0001, bias: 0.0001 },
  test: { views: 1 },
  expected: [
    {
      on: 'ILSVRC-2012 validation',
      views: 1,
      top1: 0.4348,
      top5: 0.2093,
      source: "torchvision's documentation, AlexNet_Weights.IMAGENET1K_V1"
    }
  ],
  differs: [
    'Crops are 224 pixels of 256 at random places: torchvision draws their size and shape, too, and resizes.'
  ]
}
