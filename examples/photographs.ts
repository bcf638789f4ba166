/**
 * Trains a narrow AlexNet until it knows a few photographs by heart. Tests it on them by ten views, and by its
 * features: of all photographs and their mirror images, each should be nearest to its own mirror image.
 *
 *     node --import tsx examples/photographs.ts SRC [--epochs 60] [--take n] [--threads 2] [--json]
 *
 * SRC is what `alexnode prepare` takes, such as a folder of classes or a tar of images.
 */
import { parseArgs } from 'node:util'
import {
  adam,
  alexnet,
  chooseDevice,
  evaluate,
  type ImageSet,
  open,
  openData,
  openTrained,
  schedules,
  train
} from 'alexnode'
import { subset } from 'alexnode/data'
import { openTraining, type TrainSettings } from 'alexnode/run'
import { nearest, outputs, type Trained } from 'alexnode/use'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '60' },
    take: { type: 'string' },
    threads: { type: 'string' },
    out: { type: 'string', default: 'runs/photographs' },
    json: { type: 'boolean', default: false }
  }
})
const [source] = positionals
if (source === undefined) throw new Error('Name photographs: a folder, a tar or a list.')

/** The mirror image of each image: left and right exchanged. */
function mirrored(set: ImageSet): ImageSet {
  const { load: _, ...rest } = set
  const { height, width, channels } = set
  return {
    ...rest,
    async read(indices, images, labels) {
      await set.read(indices, images, labels)
      for (let row = 0; row < indices.length * height; row++) {
        const line = images.subarray(row * width * channels, (row + 1) * width * channels)
        const before = line.slice()
        for (let x = 0; x < width; x++) {
          const from = (width - 1 - x) * channels
          line.set(before.subarray(from, from + channels), x * channels)
        }
      }
    }
  }
}

/** The last layer's outputs, [images, units]. */
async function featuresOf(trained: Trained, set: ImageSet): Promise<Float32Array> {
  const { net } = trained
  const { input } = trained.facts
  const all = new Float32Array(set.length * net.classes)
  for await (const { first, values } of outputs(net, trained.takeUnlabelled(set), { input })) {
    all.set(values, first * net.classes)
  }
  return all
}

/** Counts the images that are nearest to their own mirror images. */
async function countMirrors(trained: Trained, set: ImageSet): Promise<number> {
  const images = await featuresOf(trained, set)
  const mirrors = await featuresOf(trained, mirrored(set))
  async function* rows() {
    yield { first: 0, values: images }
    yield { first: set.length, values: mirrors }
  }
  // Two for each: one of them is the image itself.
  const found = await nearest(images, trained.net.classes, rows(), 2)
  return found.filter((list, i) => list.find(({ row }) => row !== i)?.row === i + set.length).length
}

const data = await openData(source)
const count = Math.min(data.train.length, Number(values.take ?? Number.POSITIVE_INFINITY))
const set = subset(
  data.train,
  Uint32Array.from({ length: count }, (_, i) => i)
)
const [batch, seed, lr, epochs] = [32, 1, 0.001, Number(values.epochs)]
const input = { fit: 'crop', flip: true } as const
const defaults: TrainSettings = {
  net: 'narrow alexnet',
  data: source,
  dtype: 'f32',
  batch,
  epochs,
  optimizer: 'adam',
  lr,
  momentum: 0.9,
  beta2: 0.99,
  weightDecay: 0,
  schedule: 'warmCosine',
  seed,
  input
}
await using run = await openTraining({ out: values.out, settings: {}, defaults })
run.sameData({ ...data, train: set, test: set })

const classes = set.classes.length
const definition = alexnet({ classes, width: 1 / 4, norm: 'batch', dropout: 0 })
const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
// A GPU if one is ready, else the CPU.
const { name } = await chooseDevice()
await using device = await open(name, values.threads ? { threads: Number(values.threads) } : {})
await using net = await definition.build(device, { batch, seed, optimizer })
const options = { optimizer, lr, schedule: schedules.warmCosine(), epochs, input, seed }
for await (const step of train(net, set, options)) {
  await run.log(step)
  if (!values.json && step.step % 10 === 0) {
    console.log(`step ${step.step}/${step.steps}: loss ${step.loss.toFixed(3)}`)
  }
}
const result = await evaluate(net, set, { views: 10, input })
await run.finish(net, result)

const cut = { batch, layer: 'fc7', definition: () => definition }
await using trained = await openTrained(run.folder, device, cut)
const mirrors = await countMirrors(trained, set)
if (values.json) {
  console.log(JSON.stringify({ ten_views_top1: result.top1, mirrors_first: mirrors }))
} else {
  console.log(`test by ten views: top-1 ${(100 * result.top1).toFixed(1)} %`)
  console.log(`nearest to their own mirror images: ${mirrors} of ${count}`)
}
