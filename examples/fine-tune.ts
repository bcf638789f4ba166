/**
 * Starts from a trained net: trains `cifar` on the first half of the classes of a data set, and then, from its weights,
 * on the other half, with its features frozen; beside training from nothing for as many steps.
 *
 *     node --import tsx examples/fine-tune.ts FOLDER [--epochs 1] [--steps 50] [--seeds 3] [--threads 1]
 *
 * FOLDER holds CIFAR-10 as binary batches, or as images: train/CLASS/…, test/CLASS/….
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  adam,
  arrayImageSet,
  type BuildOptions,
  cifar,
  evaluate,
  type ImageSet,
  loadWeights,
  open,
  openData,
  saveWeights,
  schedules,
  train
} from 'alexnode'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '1' },
    steps: { type: 'string', default: '50' },
    seeds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' }
  }
})
const [folder] = positionals
if (folder === undefined) throw new Error('Name a folder that holds CIFAR-10.')

const data = await openData(folder)
const half = Math.floor(data.classes.length / 2)

/** The images of some classes, in memory. Their labels begin at 0. They keep the mean and deviation of all. */
async function ofClasses(set: ImageSet, from: number, to: number): Promise<ImageSet> {
  const { length, height, width, channels, mean, std } = set
  const bytes = height * width * channels
  const [pixels, labels] = [new Uint8Array(length * bytes), new Int32Array(length)]
  const all = Uint32Array.from({ length }, (_, i) => i)
  await set.read(all, pixels, labels)
  const wanted = all.filter((i) => (labels[i] ?? 0) >= from && (labels[i] ?? 0) < to)
  const images = new Uint8Array(wanted.length * bytes)
  for (const [place, i] of wanted.entries()) {
    images.set(pixels.subarray(i * bytes, (i + 1) * bytes), place * bytes)
  }
  const own = Uint8Array.from(wanted, (i) => (labels[i] ?? 0) - from)
  const classes = set.classes.slice(from, to)
  return arrayImageSet({ images, labels: own, height, width, channels, classes, mean, std })
}

const [batch, lr] = [64, 0.002]
const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
const input = { fit: 'crop', flip: true } as const
const course = { optimizer, lr, schedule: schedules.warmCosine(), input }
const first = { train: await ofClasses(data.train, 0, half) }
const second = {
  train: await ofClasses(data.train, half, data.classes.length),
  test: await ofClasses(data.test, half, data.classes.length)
}

await using device = await open('cpu', { threads: Number(values.threads) })
const scratch = await mkdtemp(join(tmpdir(), 'alexnode-fine-tune-'))
const weights = join(scratch, 'first.safetensors')
try {
  await trainFirst()
  for (const [name, freeze] of [
    ['from nothing', undefined],
    ['from the first net', undefined],
    ['its features frozen', 'features']
  ] as const) {
    const found = []
    for (let seed = 1; seed <= Number(values.seeds); seed++) {
      found.push(await trainSecond({ seed, freeze, start: name !== 'from nothing' }))
    }
    const list = found.map(({ top1 }) => top1.toFixed(3)).join(' ')
    const seconds = found.reduce((sum, one) => sum + one.seconds, 0) / found.length
    console.log(`${name}: top-1 ${list}; ${seconds.toFixed(1)} s, ${found[0]?.mebibytes} MiB`)
  }
} finally {
  await rm(scratch, { recursive: true })
}

/** Trains a net on the first classes, and keeps its weights. */
async function trainFirst() {
  const definition = cifar({ classes: half })
  await using net = await definition.build(device, { batch, optimizer })
  const began = performance.now()
  const epochs = Number(values.epochs)
  for await (const _ of train(net, first.train, { ...course, epochs }));
  await saveWeights(net, weights)
  const seconds = (performance.now() - began) / 1000
  console.log(`${first.train.classes.join(', ')}: ${epochs} epochs in ${seconds.toFixed(1)} s`)
}

/** Trains a net on the other classes: from nothing, or from the first net but for its last layer. */
async function trainSecond({
  start,
  ...options
}: Pick<BuildOptions, 'seed' | 'freeze'> & { readonly start: boolean }) {
  const definition = cifar({ classes: second.train.classes.length })
  await using net = await definition.build(device, { batch, optimizer, ...options })
  if (start) await loadWeights(net, weights, { head: 'new' })
  const began = performance.now()
  for await (const _ of train(net, second.train, { ...course, steps: Number(values.steps) }));
  const seconds = (performance.now() - began) / 1000
  const { top1 } = await evaluate(net, second.test, { input })
  return { top1, seconds, mebibytes: (net.plan.bytes / 2 ** 20).toFixed(1) }
}
