/** The walk-through's TensorFlow program, here and in TensorFlow: ten updates of 64 images, from the same weights. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageSet } from '../../lib/data/dataset.ts'
import { shapes } from '../../lib/data/shapes/shapes.ts'
import type { Device } from '../../lib/engine/device.ts'
import { tensorflowMnist } from '../../lib/net/models/tensorflow-mnist.ts'
import { recipeByName } from '../../lib/run/recipes/index.ts'
import { recipeOptimizer } from '../../lib/run/recipes/run.ts'
import { train } from '../../lib/training/train.ts'
import { type TensorData, writeSafetensors } from '../../lib/util/files/safetensors.ts'
import { permutation } from '../../lib/util/random.ts'
import type { Check } from './check.ts'
import { run } from './environments.ts'

const UPDATES = 10
const BATCH = 64
const seed = 5

export interface TensorflowAnswer {
  readonly versions: Readonly<Record<string, string>>
  /** Before each update. */
  readonly losses: readonly number[]
}

/** Generated images: the same on every machine. */
const images = (): ImageSet => shapes({ channels: 1, size: 28, train: UPDATES * BATCH, seed }).train

const recipe = recipeByName('tf-mnist')

/** Builds the program's net, without dropout. */
const build = (device: Device) =>
  tensorflowMnist({ dropout: 0 }).build(device, { batch: BATCH, seed })

export async function ours(device: Device): Promise<number[]> {
  await using net = await build(device)
  const losses: number[] = []
  const { input, sampling, rates } = recipe
  const lr = rates.weight.rate
  const options = { optimizer: recipeOptimizer(recipe), lr, input, sampling, seed, steps: UPDATES }
  for await (const { loss } of train(net, images(), options)) losses.push(loss)
  return losses
}

const f32 = (shape: readonly number[], data: Float32Array): TensorData => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
})

export async function theirs(python: string, device: Device): Promise<TensorflowAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-tensorflow-'))
  try {
    await using net = await build(device)
    const weights = [...(await net.parameters.export(net.stream))]
    const set = images()
    const bytes = new Uint8Array(set.length * 784)
    const labels = new Int32Array(set.length)
    await set.read(permutation(set.length, seed, 0), bytes, labels)
    const tensors = {
      ...Object.fromEntries(weights.map(([name, { shape, data }]) => [name, f32(shape, data)])),
      images: f32(
        [set.length, 784],
        Float32Array.from(bytes, (byte) => byte / 255)
      ),
      labels: { dtype: 'i32', shape: [set.length], data: new Uint8Array(labels.buffer) } as const
    }
    await writeSafetensors(join(folder, 'request.safetensors'), tensors)
    await run(python, [join(import.meta.dirname, 'tensorflow_mnist.py'), folder])
    return JSON.parse(readFileSync(join(folder, 'answer.json'), 'utf8'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The losses begin above 100,000, so their errors are relative. */
export function* checksOf(found: readonly number[], wanted: readonly number[]): Generator<Check> {
  for (const [i, loss] of wanted.entries()) {
    const error = Math.abs((found[i] ?? Number.NaN) - loss) / loss
    yield { name: `TensorFlow: loss of update ${i + 1}, as a share of it`, error, bound: 1e-4 }
  }
}

export async function* judgeTensorflow(python: string, device: Device): AsyncGenerator<Check> {
  yield* checksOf(await ours(device), (await theirs(python, device)).losses)
}
