/**
 * Learns a few photographs by heart with a narrow AlexNet, tests it on them by ten views, and looks whether
 * each picture's mirror image is the one that the net sees as nearest:
 *
 *     node --import tsx examples/photographs.ts SRC [--epochs 60] [--take n] [--threads 2] [--json]
 *
 * SRC is what `alexnode prepare` takes, such as a folder of classes or a tar of pictures.
 */
import { parseArgs } from 'node:util'
import {
  adam,
  alexnet,
  createReport,
  evaluate,
  type ImageSet,
  nearest,
  open,
  openData,
  openTrained,
  openTraining,
  outputs,
  program,
  schedules,
  settleDevice,
  type Trained,
  type TrainSettings,
  train,
  UsageError
} from 'alexnode'

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

/** The first images of a set, in training as in the test. */
function first(set: ImageSet, most: number): ImageSet {
  const { load: _, ...rest } = set
  return { ...rest, length: Math.min(set.length, most), read: set.read.bind(set) }
}

/** Every image with left and right exchanged. */
function mirrored(set: ImageSet): ImageSet {
  const { load: _, ...rest } = set
  const { height, width, channels } = set
  return {
    ...rest,
    async read(indices, images, labels) {
      await set.read(indices, images, labels)
      for (let row = 0; row < indices.length * height; row++) {
        const line = images.subarray(row * width * channels, (row + 1) * width * channels)
        const turned = Array.from({ length: width }, (_, x) => {
          return [...line.subarray((width - 1 - x) * channels, (width - x) * channels)]
        })
        line.set(turned.flat())
      }
    }
  }
}

/** What the net's last layer gives for each image. */
async function featuresOf(trained: Trained, set: ImageSet): Promise<Float32Array> {
  const { net, facts } = trained
  const all = new Float32Array(set.length * net.classes)
  for await (const { first, values } of outputs(net, trained.takeUnlabelled(set), facts)) {
    all.set(values, first * net.classes)
  }
  return all
}

/** How many pictures have their own mirror image as the nearest of all other pictures and mirror images. */
async function mirrorsFound(trained: Trained, set: ImageSet): Promise<number> {
  const pictures = await featuresOf(trained, set)
  const mirrors = await featuresOf(trained, mirrored(set))
  async function* rows() {
    yield { first: 0, values: pictures }
    yield { first: set.length, values: mirrors }
  }
  // The nearest is the picture itself.
  const found = await nearest(pictures, trained.net.classes, rows(), 2)
  return found.filter((list, i) => {
    return list.find(({ row }) => row !== i)?.row === i + set.length
  }).length
}

await program(async (signal) => {
  const [source] = positionals
  if (source === undefined) throw new UsageError('Name photographs: a folder, a tar or a list.')
  const report = createReport({ json: values.json })
  const threads = values.threads === undefined ? {} : { threads: Number(values.threads) }
  const where = await settleDevice(threads)
  await using device = await open(where.name, where.options)

  const told = { onNotice: report.note, onPrepare: report.preparing }
  const data = await openData(source, { signal, ...told })
  const set = first(data.train, values.take === undefined ? data.train.length : Number(values.take))
  const defaults: TrainSettings = {
    ...{ net: 'narrow alexnet', data: source, dtype: 'f32', batch: 32 },
    epochs: Number(values.epochs),
    ...{ optimizer: 'adam', lr: 0.001, momentum: 0.9, beta2: 0.99, weightDecay: 0 },
    ...{ schedule: 'warmCosine', seed: 1, input: { fit: 'crop', flip: true } }
  }
  const definition = alexnet({
    classes: set.classes.length,
    width: 1 / 4,
    norm: 'batch',
    dropout: 0
  })
  const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
  await using run = await openTraining({ out: values.out, settings: {}, defaults })
  const { batch, lr, epochs, seed, input } = run.settings
  run.sameData({ ...data, train: set, test: set })
  report.data({ ...data, train: set, test: set })
  await using net = await definition.build(device, { batch, seed, optimizer })
  const schedule = schedules.warmCosine()
  const steps = train(net, set, { optimizer, lr, schedule, epochs, input, seed, signal })
  for await (const step of steps) {
    await run.log(step)
    await report.step(step)
  }
  const result = await evaluate(net, set, { views: 10, input, signal })
  await run.finish(net, result)
  report.finished(result, run)

  const cut = { batch, layer: 'fc7', definition: () => definition } as const
  await using trained = await openTrained(run.folder, device, cut)
  const found = await mirrorsFound(trained, set)
  if (values.json)
    console.log(JSON.stringify({ ten_views_top1: result.top1, mirrors_first: found }))
  else console.log(`Mirrors   ${found} of ${set.length} are nearest to their pictures`)
})
