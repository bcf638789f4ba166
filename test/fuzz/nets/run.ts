/** Builds a drawn net, trains it a little, and compares all of it with PyTorch. */
import { arrayImageSet } from '../../../lib/data/array-image-set.ts'
import type { openDevices } from '../../../lib/index.ts'
import { exportTensors, type PublicTensor } from '../../../lib/net/graph/public-tensors.ts'
import type { Net } from '../../../lib/net/net.ts'
import { adam, type Optimizer, sgd } from '../../../lib/optim/optimizer.ts'
import { evaluate } from '../../../lib/training/evaluate/evaluate.ts'
import { train } from '../../../lib/training/train.ts'
import type { TensorData } from '../../../lib/util/files/safetensors.ts'
import { permutation } from '../../../lib/util/random.ts'
import { differences, type Precision } from './compare.ts'
import { definitionOf } from './definition.ts'
import type { DrawnNet } from './draw.ts'
import { layersOf } from './layers.ts'
import type { Torch } from './torch.ts'

const STEPS = 3
const hyper = { lr: 0.01, momentum: 0.9, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 }

type Devices = Awaited<ReturnType<typeof openDevices>>

function optimizerOf({ optimizer, weightDecay }: DrawnNet): Optimizer {
  const { beta1, beta2, epsilon, momentum } = hyper
  if (optimizer === 'adam') return adam({ beta1, beta2, epsilon, weightDecay })
  return sgd({
    momentum: optimizer === 'sgd' ? 0 : momentum,
    weightDecay,
    form: optimizer === 'paper' ? 'paper' : 'pytorch',
    nesterov: optimizer === 'nesterov'
  })
}

/** Numbers from 0 to below 1, from a seed. */
function random(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 2 ** 24
  }
}

function imagesOf({ channels, height, width, batch, classes, seed }: DrawnNet) {
  const next = random(seed)
  const byte = () => Math.floor(next() * 256)
  const count = batch * STEPS
  const images = Uint8Array.from({ length: count * height * width * channels }, byte)
  const labels = Uint8Array.from({ length: count }, () => Math.floor(next() * classes))
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`)
  return arrayImageSet({ images, labels, height, width, channels, classes: names })
}

/** Weights that spread, and biases and statistics that are not 0 or 1. */
function weightsOf(start: ReadonlyMap<string, PublicTensor>, seed: number) {
  const next = random(seed + 1)
  return new Map(
    [...start].map(([name, { shape, data }]) => {
      const some = () => next() * 2 - 1
      const value = (old: number) => {
        if (name.endsWith('weight')) return old
        if (name.endsWith('running_var') || name.endsWith('scale')) return 1 + 0.3 * some()
        return 0.2 * some()
      }
      return [name, { shape, data: data.map(value) }] as const
    })
  )
}

async function built(drawn: DrawnNet, { all }: Devices): Promise<Net> {
  const { batch, dtype, fuse, winograd, devices, seed } = drawn
  const definition = definitionOf(drawn)
  const on = devices === 'one' ? all.slice(0, 1) : all
  const parallel = devices === 'one' ? {} : { parallel: devices }
  return definition.build(on, { batch, dtype, fuse, winograd, seed, ...parallel })
}

/** All that the net gives, by the names of test/fuzz/nets/nets.py. */
async function results(net: Net, drawn: DrawnNet, weights: ReadonlyMap<string, PublicTensor>) {
  const set = imagesOf(drawn)
  const found = new Map<string, Float32Array>()
  const { seed } = drawn
  const order = permutation(set.length, seed, 0)

  const rows: Float32Array[] = []
  const { loss } = await evaluate(net, inOrder(set, order), {
    onBatch: ({ probabilities }) => rows.push(probabilities.slice())
  })
  found.set('evaluation', Float32Array.of(loss))
  found.set('probabilities', Float32Array.from(rows.flatMap((row) => [...row])))

  for await (const _ of train(net, set, { steps: 1, lr: 0, seed }));
  const list = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
  for (const [name, { data }] of await exportTensors(net.stream, list)) found.set(`g/${name}`, data)

  await net.parameters.import(net.stream, weights)
  const losses: number[] = []
  const options = { steps: STEPS, lr: hyper.lr, seed, optimizer: optimizerOf(drawn) }
  for await (const step of train(net, set, options)) losses.push(step.loss)
  found.set('losses', Float32Array.from(losses))
  for (const [name, { data }] of await net.parameters.export(net.stream)) {
    found.set(`w/${name}`, data)
  }
  return found
}

/** The images of a set in another order. */
function inOrder(set: ReturnType<typeof imagesOf>, order: Uint32Array) {
  return {
    ...set,
    read: (indices: Uint32Array, images: Uint8Array, labels: Int32Array) =>
      set.read(
        indices.map((i) => order[i] ?? 0),
        images,
        labels
      )
  }
}

const bytes = (data: Float32Array | Int32Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** What PyTorch is given. */
async function request(net: Net, drawn: DrawnNet, weights: ReadonlyMap<string, PublicTensor>) {
  const set = imagesOf(drawn)
  const { length, height, width, channels, mean, std } = set
  const images = new Uint8Array(length * height * width * channels)
  const labels = new Int32Array(length)
  await set.read(permutation(length, drawn.seed, 0), images, labels)
  const tensors: Record<string, TensorData> = {
    images: { dtype: 'u8', shape: [length, height, width, channels], data: images },
    labels: { dtype: 'i32', shape: [length], data: bytes(labels) }
  }
  for (const [name, { shape, data }] of weights) {
    tensors[`w/${name}`] = { dtype: 'f32', shape, data: bytes(data) }
  }
  const { optimizer, weightDecay, head, dtype, batch } = drawn
  const momentum = optimizer === 'sgd' ? 0 : hyper.momentum
  const options = {
    ...{ ...hyper, momentum, optimizer, weightDecay, head, dtype, batch, mean, std },
    layers: layersOf(drawn),
    parameters: [...weights.keys()],
    decay: Object.fromEntries(net.parameters.trained.map(({ name, decay }) => [name, decay]))
  }
  return { tensors, options }
}

/** Runs a case. Returns what differs; undefined if nothing does. */
export async function runNet(
  drawn: DrawnNet,
  devices: Devices,
  torch: Torch
): Promise<string | undefined> {
  await using net = await built(drawn, devices)
  const weights = weightsOf(await net.parameters.export(net.stream), drawn.seed)
  await net.parameters.import(net.stream, weights)
  const { tensors, options } = await request(net, drawn, weights)
  const answer = await torch.run(tensors, options)
  const found = await results(net, drawn, weights)
  const precision: Precision = drawn.dtype === 'bf16' ? 'bf16' : drawn.winograd ? 'winograd' : 'f32'
  const lines = differences(found, answer, precision)
  return lines.length > 0 ? lines.join('; ') : undefined
}
