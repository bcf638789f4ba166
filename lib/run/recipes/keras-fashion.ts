import type { RateCourse, Recipe } from './recipe.ts'

const rate: RateCourse = { rate: 0.01 }

/** A Keras program for Fashion-MNIST, as introductions to AlexNet have it (docs/walkthrough.md). */
export const kerasFashion: Recipe = {
  name: 'keras-fashion',
  title: 'AlexNet for Fashion-MNIST, as a Keras program trains it',
  sources: ['introductions to AlexNet with a program in Keras: see docs/walkthrough.md'],
  net: { name: 'keras-fashion', options: { classes: 10 } },
  input: { fit: 'resize', mean: 'none', divide: 255 },
  // The program calls fit on 128 images at a time, and fit has a batch size of 32 of its own.
  sampling: { form: 'replacement', group: 128 },
  batch: 32,
  epochs: 20,
  update: { form: 'pytorch', momentum: 0 },
  rates: { weight: rate, bias: rate },
  decay: { weight: 0, bias: 0 },
  test: { views: 1 },
  expected: [],
  differs: [
    'The program tests on 2,000 random test images after each 20 draws of 128: --validate-every 80 ' +
      'tests as often, on all of them.'
  ]
}
