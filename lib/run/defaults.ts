/**
 * How a net is trained where nothing is given: the one place where defaults of training are chosen. Why they are so,
 * what was tried before and what they reach: docs/defaults.md.
 *
 * - Nets start even (see `evenStart`) and clip the gradient to a norm of 1, which bounds a step whatever the number of
 *   classes. Published starts and rates were made for 1,000 classes.
 * - Smaller batches are noisier: rates fall with the square root of the batch. The warm-up lets the first steps, which
 *   agree most, be small.
 * - Nets with batch norm keep their own start and are trained by Adam. Its β₂ is .98: with the usual .999 its averages
 *   still hold the first steps after some hundred. Where dense layers are wide and batches small, Adam overshoots, batch
 *   norm or not: such nets are trained as the others.
 * - Images are normed by mean and standard deviation of each channel, as `train` does without `input`: even starts keep
 *   that scale from layer to layer.
 */
import type { DenseOptions } from '../net/layers/dense.ts'
import { netByName } from '../net/models/index.ts'
import { checkOptions } from '../util/check/check.ts'
import { maybe, oneOf, record, text, whole } from '../util/check/rules.ts'
import type { TrainSettings } from './settings.ts'

/** What decides the defaults of training. */
export interface DefaultsFor {
  /** One of `netNames`. */
  readonly net: string
  /** Images in a batch. */
  readonly batch: number
  /** Default: the one that suits the net. */
  readonly optimizer?: TrainSettings['optimizer'] | undefined
}

/** Defaults of training, as settings of a run. */
export type TrainingDefaults = Pick<
  TrainSettings,
  'start' | 'optimizer' | 'lr' | 'momentum' | 'beta2' | 'weightDecay' | 'clipNorm' | 'schedule'
>

const forRule = record<DefaultsFor>({
  net: text,
  batch: whole({ from: 1 }),
  optimizer: maybe(oneOf('sgd', 'adam'))
})

/** SGD's with clipped gradients: the rate at a batch of `REFERENCE`, and the largest. */
const CLIPPED = { rate: 0.02, largest: 0.03 }
const REFERENCE = 32
/** Adam's: wide dense layers bear less, since all weights of a unit may move together. */
const ADAM = { narrow: 0.0003, wide: 0.00005 }
/** Units of a dense layer that make a net wide. */
const WIDE = 1000
/** The smallest batch by which Adam trains a wide net with batch norm. */
const WIDE_BATCH = 16

/**
 * The defaults of training for a net. They are chosen for any number of classes, from two on; docs/defaults.md says
 * what was tried.
 *
 * @throws RangeError for a wrong option, naming it, what was expected and what came
 * @throws Error for a net that is not one of `netNames`
 *
 * @example
 * const defaults = { ...defaultTraining({ net: 'alexnet', batch: 32 }), net: 'alexnet', batch: 32, seed: 1 }
 */
export function defaultTraining(chosen: DefaultsFor): TrainingDefaults {
  checkOptions('defaultTraining', chosen, forRule)
  const { net, batch, optimizer } = chosen
  const { layers } = netByName(net)
  const normed = layers.some(({ node }) => node.kind === 'batch_norm')
  const wide = layers.some(
    ({ node }) => node.kind === 'dense' && (node.config as DenseOptions).units > WIDE
  )
  const steady = normed && (!wide || batch >= WIDE_BATCH)
  const always = {
    start: steady ? 'published' : 'even',
    schedule: 'warmCosine',
    beta2: 0.98
  } as const
  if ((optimizer ?? (steady ? 'adam' : 'sgd')) === 'adam') {
    const lr = steady ? ADAM.narrow : ADAM.wide
    return { ...always, optimizer: 'adam', lr, momentum: 0.8, weightDecay: 0 }
  }
  const sgd = { ...always, optimizer: 'sgd', momentum: 0.9, weightDecay: 0.0005 } as const
  if (steady) return { ...sgd, lr: 0.01 }
  const lr = Math.min(CLIPPED.largest, CLIPPED.rate * Math.sqrt(batch / REFERENCE))
  return { ...sgd, lr: Number(lr.toPrecision(2)), clipNorm: 1 }
}
