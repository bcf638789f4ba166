import type { RateCourse, Recipe } from './recipe.ts'

const epochs = 90

/** `steps` rates of equal length from `rate` down to `rate / by`, in geometric progression. */
function exponential(rate: number, by: number, steps: number): RateCourse {
  const changes = Array.from({ length: steps - 1 }, (_, i) => ({
    epoch: ((i + 1) * epochs) / steps,
    rate: rate * by ** (-(i + 1) / (steps - 1))
  }))
  return { rate, changes }
}

const source = "cuda-convnet2's documentation"

/** cuda-convnet2 on one GPU, whose schedule is written down instead of turned by hand. */
export const convnet2OneGpu: Recipe = {
  name: 'convnet2-1gpu',
  title: 'cuda-convnet2 on one GPU: one tower, and a schedule that is written down',
  sources: [
    'cuda-convnet2: layers-imagenet-1gpu.cfg, layer-params-imagenet-1gpu.cfg',
    'Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks'
  ],
  net: { name: 'convnet2', options: { classes: 1000 } },
  photos: { form: 'crop', size: 256, channels: 'RGB' },
  input: {
    fit: 'crop',
    flip: true,
    offsets: 33,
    mean: 'centre',
    colour: { form: 'deviation', sigma: 0.1, divide: 1.1 }
  },
  batch: 128,
  epochs,
  update: { form: 'paper', momentum: 0.9 },
  rates: { weight: exponential(0.01, 250, 4), bias: exponential(0.02, 10, 2) },
  decay: { weight: 0.0005, bias: 0 },
  test: { views: 10 },
  expected: [
    { on: 'ILSVRC-2012 validation', views: 1, top1: 0.4255, top5: 0.1981, source },
    { on: 'ILSVRC-2012 validation', views: 10, top1: 0.4042, top5: 0.1815, source }
  ],
  speeds: [
    { on: 'TensorFlow on a P100, a net like it', batch: 512, imagesPerSecond: [2987, 2987] },
    { on: 'TensorFlow on a V100 in fp16, a net like it', batch: 512, imagesPerSecond: [5148, 5148] }
  ],
  differs: []
}
