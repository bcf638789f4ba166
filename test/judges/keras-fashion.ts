/** The walk-through's Keras program, here and in Keras: ten updates of 32 images, from the same weights. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageSet } from '../../lib/data/dataset.ts'
import { fashionMnist } from '../../lib/data/fashion-mnist.ts'
import { shapes } from '../../lib/data/shapes/shapes.ts'
import type { Device } from '../../lib/engine/device.ts'
import { defineNet, type NetDefinition } from '../../lib/net/definition.ts'
import { kerasFashion } from '../../lib/net/models/keras-fashion.ts'
import type { Net } from '../../lib/net/net.ts'
import { recipeByName } from '../../lib/run/recipes/index.ts'
import { recipeOptimizer } from '../../lib/run/recipes/run.ts'
import { train } from '../../lib/training/train.ts'
import { outputs } from '../../lib/use/outputs.ts'
import { type TensorData, writeSafetensors } from '../../lib/util/files/safetensors.ts'
import { permutation } from '../../lib/util/random.ts'
import { loadKerasWeights, saveKerasWeights } from '../../lib/weights/keras/files.ts'
import { type Check, farthest } from './check.ts'
import { run } from './environments.ts'

const UPDATES = 10
const BATCH = 32
const TEST = 16
const seed = 3

/** The results of Keras. */
export interface KerasAnswer {
  readonly versions: Readonly<Record<string, string>>
  readonly losses: readonly number[]
  readonly untrained: readonly (readonly number[])[]
  readonly trained: readonly (readonly number[])[]
}

/** A way to train the net. */
export interface KerasCase {
  readonly name: string
  /** From Keras's own initial weights, or from ours. */
  readonly weights: 'keras' | 'ours'
  /** 'logits': cross-entropy of the logits' softmax. 'sums': that of sigmoids divided by their sum. */
  readonly loss: 'logits' | 'sums'
  readonly rate: number
}

const recipe = recipeByName('keras-fashion')
const { input } = recipe

/** Generated images: the same on every machine. */
export const drawn = () => ({
  train: shapes({ channels: 1, size: 28, train: UPDATES * BATCH, seed }).train,
  test: shapes({ channels: 1, size: 28, train: TEST, seed: 4 }).train
})

/** The first images of Fashion-MNIST, from ALEXNODE_DATA. */
export async function real() {
  const { train, test } = await fashionMnist()
  const first = (set: ImageSet, length: number): ImageSet => ({ ...set, length })
  return { train: first(train, UPDATES * BATCH), test: first(test, TEST) }
}

type Images = ReturnType<typeof drawn>

export function definitionOf({ loss }: Pick<KerasCase, 'loss'>): NetDefinition {
  const net = kerasFashion({ dropout: 0 })
  if (loss === 'logits') return net
  const layers = net.layers.map(({ node, name }) => ({ ...node, name }))
  return defineNet({ name: net.name, input: net.input, head: 'sigmoid', layers })
}

/** Trains here. Returns the losses of the updates, and predictions for the test images before and after them. */
export async function ours(
  device: Device,
  { loss, rate }: Pick<KerasCase, 'loss' | 'rate'>,
  images: Images,
  from?: (net: Net) => Promise<void>,
  then?: (net: Net) => Promise<void>
): Promise<Pick<KerasAnswer, 'losses' | 'untrained' | 'trained'>> {
  await using net = await definitionOf({ loss }).build(device, { batch: BATCH, seed })
  await from?.(net)
  const untrained = await predictions(net, images.test)
  const losses: number[] = []
  const options = { optimizer: recipeOptimizer(recipe), lr: rate, input, seed, steps: UPDATES }
  for await (const step of train(net, images.train, options)) losses.push(step.loss)
  const trained = await predictions(net, images.test)
  await then?.(net)
  return { losses, untrained, trained }
}

/** The sigmoids of the logits, by image. */
async function predictions(net: Net, set: ImageSet): Promise<number[][]> {
  const rows: number[][] = []
  for await (const { values, rows: count } of outputs(net, set, { batch: TEST, input })) {
    for (let i = 0; i < count; i++) {
      const logits = values.subarray(i * net.classes, (i + 1) * net.classes)
      rows.push(Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit))))
    }
  }
  return rows
}

/** All images of a set in this order. */
async function tensors(set: ImageSet, order: Uint32Array) {
  const data = new Uint8Array(order.length * set.height * set.width)
  const labels = new Int32Array(order.length)
  await set.read(order, data, labels)
  const images: TensorData = { dtype: 'u8', shape: [order.length, set.height, set.width], data }
  return { images, labels: { dtype: 'i32', shape: [order.length], data: bytesOf(labels) } as const }
}

const bytesOf = (data: Int32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** Trains in Keras, which writes its files to `folder`. */
export async function theirs(
  python: string,
  device: Device,
  { weights, loss, rate }: KerasCase,
  images: Images,
  folder: string,
  env: NodeJS.ProcessEnv = {}
): Promise<KerasAnswer> {
  const program = join(import.meta.dirname, 'keras_fashion.py')
  const { length } = images.train
  await rm(join(folder, 'request.safetensors'), { force: true })
  const test = await tensors(
    images.test,
    Uint32Array.from({ length: TEST }, (_, i) => i)
  )
  await writeSafetensors(
    join(folder, 'request.safetensors'),
    { ...(await tensors(images.train, permutation(length, seed, 0))), test: test.images },
    { rate: String(rate), loss }
  )
  if (weights === 'ours') {
    await using net = await definitionOf({ loss }).build(device, { batch: 1, seed })
    await saveKerasWeights(net, join(folder, 'given.h5'))
  }
  await run(python, [program, 'make', folder], env)
  return JSON.parse(readFileSync(join(folder, 'answer.json'), 'utf8'))
}

/** A rate at which the losses change, while rounding errors stay small for ten updates. */
export const GENTLE = 2e-5

/** The live cases; `--brief` runs the first alone. */
export const liveCases: readonly KerasCase[] = [
  { name: "Keras's weights", weights: 'keras', loss: 'logits', rate: GENTLE },
  { name: "Keras's weights, the program's rate", weights: 'keras', loss: 'logits', rate: 0.01 },
  { name: 'sigmoids divided by their sum', weights: 'ours', loss: 'sums', rate: GENTLE }
]

/** Compares live: losses, predictions, and weights in both of Keras's formats, there and back. */
export async function* judgeKeras(
  python: string,
  device: Device,
  { brief = false } = {}
): AsyncGenerator<Check> {
  const images = process.env.ALEXNODE_DATA ? await real() : drawn()
  for (const one of liveCases.slice(0, brief ? 1 : undefined)) {
    const folder = await mkdtemp(join(tmpdir(), 'alexnode-keras-'))
    try {
      const wanted = await theirs(python, device, one, images, folder)
      // Without oneDNN TensorFlow sums in another order.
      const other =
        one.rate === GENTLE
          ? wanted
          : await theirs(python, device, one, images, folder, { TF_ENABLE_ONEDNN_OPTS: '0' })
      const found = await ours(
        device,
        one,
        images,
        (net) => loadKerasWeights(net, join(folder, 'initial.h5')),
        async (net) => {
          await saveKerasWeights(net, join(folder, 'ours.h5'))
          await saveKerasWeights(net, join(folder, 'ours.weights.h5'))
        }
      )
      yield* checksOf(one.name, found, wanted, other)
      if (one !== liveCases[0]) continue
      await using net = await definitionOf(one).build(device, { batch: TEST, training: false })
      await loadKerasWeights(net, join(folder, 'final.weights.h5'))
      const read = (await predictions(net, images.test)).flat()
      yield {
        name: 'final.weights.h5 of Keras, read here',
        error: farthest(read, wanted.trained.flat()),
        bound: 1e-4
      }
      await run(python, [join(import.meta.dirname, 'keras_fashion.py'), 'load', folder])
      const loaded: Readonly<Record<string, number[][]>> = JSON.parse(
        readFileSync(join(folder, 'loaded.json'), 'utf8')
      )
      for (const [file, values] of Object.entries(loaded)) {
        yield {
          name: `${file} of alexnode, read by Keras`,
          error: farthest(values.flat(), found.trained.flat()),
          bound: 1e-4
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

/**
 * Compares the losses of both sides, update by update, within 10⁻⁴. If a value is within rounding of a ReLU's kink, two
 * correct runs diverge after the first update, and quickly at the program's rate: Keras differs from itself by some
 * hundredths when it sums in another order (`other`). Then the bound is four times the largest such difference.
 */
export function* checksOf(
  name: string,
  found: Pick<KerasAnswer, 'losses' | 'untrained'>,
  wanted: Pick<KerasAnswer, 'losses' | 'untrained'>,
  other: Pick<KerasAnswer, 'losses'> = wanted
): Generator<Check> {
  const untrained = farthest(found.untrained.flat(), wanted.untrained.flat())
  yield { name: `${name}: predictions before training`, error: untrained, bound: 1e-4 }
  const own = Math.max(
    ...wanted.losses.map((loss, i) => farthest([other.losses[i] ?? Number.NaN], [loss]))
  )
  for (const [i, loss] of wanted.losses.entries()) {
    const error = farthest([found.losses[i] ?? Number.NaN], [loss])
    const bound = i === 0 ? 1e-4 : Math.max(1e-4, 4 * own)
    yield { name: `${name}: loss of update ${i + 1}`, error, bound }
  }
}
