import type { RateCourse, Recipe } from './recipe.ts'

const rate: RateCourse = { rate: 0.001 }
const images = 200_000
const batch = 64

/** A TensorFlow program for MNIST, as introductions to AlexNet have it (docs/walkthrough.md). */
export const tensorflowMnist: Recipe = {
  name: 'tf-mnist',
  title: 'a small AlexNet for MNIST, as a TensorFlow program trains it',
  sources: ['introductions to AlexNet with a program in TensorFlow: see docs/walkthrough.md'],
  net: { name: 'tf-mnist', options: { classes: 10 } },
  input: { fit: 'resize', mean: 'none', divide: 255 },
  // As TensorFlow's reader of MNIST: the first 5,000 images are for validation, and no batch is smaller.
  skip: 5000,
  sampling: { form: 'permutation', across: true },
  batch,
  epochs: images / 55_000,
  steps: images / batch,
  update: { form: 'adam', beta1: 0.9, beta2: 0.999 },
  rates: { weight: rate, bias: rate },
  decay: { weight: 0, bias: 0 },
  test: { views: 1, images: 256 },
  expected: [],
  differs: []
}
