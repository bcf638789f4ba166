import type { RateCourse, Recipe } from './recipe.ts'

/** A tenth after every 100,000 steps of 256 images, which is 20 epochs of ImageNet's 1.28 million. */
function dropping(rate: number): RateCourse {
  const changes = [1, 2, 3, 4].map((i) => ({ epoch: 20 * i, rate: rate / 10 ** i }))
  return { rate, changes }
}

/** Caffe's `bvlc_alexnet`: 450,000 steps of 256 images. */
export const caffe: Recipe = {
  name: 'caffe',
  title: "Caffe's bvlc_alexnet",
  sources: ['Caffe, models/bvlc_alexnet: train_val.prototxt, solver.prototxt, readme.md'],
  net: { name: 'caffe', options: { classes: 1000 } },
  photos: { form: 'warp', size: 256, channels: 'BGR' },
  input: { fit: 'crop', flip: true, offsets: 30, mean: 'pixel' },
  batch: 256,
  epochs: 90,
  update: { form: 'paper', momentum: 0.9 },
  rates: { weight: dropping(0.01), bias: dropping(0.02) },
  decay: { weight: 0.0005, bias: 0 },
  // `oversample` of its Classifier; its readme reports the centre crop.
  test: { views: 10 },
  expected: [
    {
      on: 'ILSVRC-2012 validation',
      views: 1,
      top1: 0.429,
      top5: 0.198,
      source: 'readme.md of bvlc_alexnet'
    }
  ],
  speeds: [{ on: 'Caffe on a K40', batch: 256, imagesPerSecond: [193, 193] }],
  differs: ['Colours are in the order RGB, which is a matter of names to a net that is trained.']
}
