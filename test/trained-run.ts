/** A run of a small net that was trained for some steps, and images for it. */
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { Dataset, ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import type { Device } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import type { TrainSettings } from '../lib/run/settings.ts'
import { openTraining } from '../lib/run/training-run.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { train } from '../lib/training/train.ts'

const SIZE = 32

/** Settings of a short training on shapes. */
export const smallRun: TrainSettings = {
  net: 'cifar',
  data: 'shapes',
  batch: 16,
  steps: 4,
  seed: 1,
  dtype: 'f32',
  optimizer: 'sgd',
  lr: 0.01,
  momentum: 0.9,
  beta2: 0.999,
  weightDecay: 0,
  schedule: 'constant'
}

/** 64 + 40 coloured images of 32×32. */
export function smallShapes(): Dataset {
  return shapes({ channels: 3, size: SIZE, train: 64, test: 40 })
}

/**
 * Trains the net `cifar` for four steps and keeps it in a folder.
 * @returns what its test gave
 */
export async function trainedRun(device: Device, out: string, { seed = 1 } = {}) {
  await using run = await openTraining({ out, settings: { seed }, defaults: smallRun })
  const data = run.sameData(smallShapes())
  const { batch, steps, lr, momentum } = run.settings
  const definition = netByName('cifar', { channels: 3, classes: data.classes.length })
  await using net = await definition.build(device, { batch, seed })
  const checkpoint = { every: 2, save: run.save }
  const options = { ...(steps !== undefined && { steps }), lr, momentum, checkpoint }
  for await (const step of train(net, data.train, options)) await run.log(step)
  const result = await evaluate(net, data.test, { batch: 16 })
  await run.finish(net, result)
  return result
}

/** Every image of a set as bytes, [image, row, column, channel]. */
export async function imagesOf(set: ImageSet): Promise<{ images: Uint8Array; labels: Int32Array }> {
  const images = new Uint8Array(set.length * set.height * set.width * set.channels)
  const labels = new Int32Array(set.length)
  await set.read(
    Uint32Array.from({ length: set.length }, (_, i) => i),
    images,
    labels
  )
  return { images, labels }
}

/** The same images, their classes in another order. */
export async function reordered(set: ImageSet): Promise<ImageSet> {
  const { images, labels } = await imagesOf(set)
  const { height, width, channels } = set
  const last = set.classes.length - 1
  const classes = [...set.classes].reverse()
  const turned = labels.map((label) => last - label)
  return arrayImageSet({ images, labels: turned, height, width, channels, classes })
}
