/**
 * Whole nets against PyTorch: from the same weights and images, the gradients of the first step and the
 * losses of ten steps. Fused and unfused builds both.
 */
import type { ImageSet } from '../../lib/data/dataset.ts'
import { shapes } from '../../lib/data/shapes/shapes.ts'
import type { Device } from '../../lib/engine/device.ts'
import { unpack } from '../../lib/native/layout.ts'
import type { NetDefinition } from '../../lib/net/definition.ts'
import { exportTensors } from '../../lib/net/graph/public-tensors.ts'
import { alexnet } from '../../lib/net/models/alexnet.ts'
import { fashion } from '../../lib/net/models/fashion.ts'
import { torchvision } from '../../lib/net/models/torchvision.ts'
import type { Net } from '../../lib/net/net.ts'
import { Feed } from '../../lib/training/input/feed.ts'
import { type TrainOptions, train } from '../../lib/training/train.ts'
import type { TensorData } from '../../lib/util/files/safetensors.ts'
import { permutation } from '../../lib/util/random.ts'
import { distance, type KeptResult } from './kept.ts'
import { type TorchResult, type TorchRun, trainInPytorch } from './run.ts'

const batch = 4
const steps = 10
const seed = 3
const rates = { momentum: 0.9, weightDecay: 5e-4 }

/** How a net is trained besides. */
type Ways = Pick<TrainOptions, 'labelSmoothing' | 'clipNorm'>

/** Drawn images that a net takes, with as many class names as it has classes. */
function images({ input }: NetDefinition, classes: number, size: number): ImageSet {
  const { train } = shapes({ channels: input.channels, size, train: batch * steps, seed })
  const names = Array.from({ length: classes }, (_, i) => train.classes[i] ?? `class ${i}`)
  return { ...train, classes: names }
}

/** All images, in the order in which training sees them. */
async function inOrder(set: ImageSet): Promise<Pick<TorchRun, 'images' | 'labels'>> {
  const shape = [set.length, set.height, set.width, set.channels]
  const data = new Uint8Array(shape.reduce((a, b) => a * b))
  const labels = new Int32Array(set.length)
  await set.read(permutation(set.length, seed, 0), data, labels)
  return { images: { dtype: 'u8', shape, data }, labels }
}

/** What the ReLUs and pools of a fused net choose for a batch: see test/pytorch/nets.py. */
async function branches(net: Net, set: ImageSet): Promise<Map<string, TensorData>> {
  const feed = await Feed.create(net, set)
  const indices = permutation(set.length, seed, 0).slice(0, batch)
  const deliver = await feed.stage({ indices, step: 0, seed })
  await deliver()
  net.refresh()
  const found = new Map<string, TensorData>()
  for (const bound of net.calls.forward) {
    net.run([bound])
    const { op, layer } = bound.call
    const tensor = op.fields.relu ? bound.tensors.y : bound.tensors.index
    if (!tensor) continue
    const values = unpack(await net.stream.read(tensor), tensor.shape, tensor.layout)
    const data = Uint8Array.from(values, (value) => (op.fields.relu ? Number(value > 0) : value))
    found.set(layer, { dtype: 'u8', shape: tensor.shape, data })
  }
  feed.close()
  return found
}

/** He's start for the paper's net: with its own, all that pool5 sees is within rounding of a tie. */
async function spread({ parameters, stream }: Net): Promise<void> {
  const weights = [...(await parameters.export(stream))].map(([name, { shape, data }]) => {
    const fanIn = shape.slice(1).reduce((a, b) => a * b, 1)
    const factor = name.endsWith('weight') ? Math.sqrt(2 / fanIn) / 0.01 : 0.1
    return [name, { shape, data: data.map((value) => value * factor) }] as const
  })
  await parameters.import(stream, new Map(weights))
}

/** The gradients of the first step, with the weights left as they are. */
async function firstGradients(
  net: Net,
  set: ImageSet,
  ways: Ways
): Promise<Map<string, Float32Array>> {
  for await (const _ of train(net, set, { steps: 1, lr: 0, seed, ...ways }));
  const list = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
  const tensors = await exportTensors(net.stream, list)
  return new Map([...tensors].map(([name, { data }]) => [name, data]))
}

async function losses(
  net: Net,
  set: ImageSet,
  options: Ways & Pick<TrainOptions, 'lr' | 'steps'>
): Promise<number[]> {
  const losses: number[] = []
  for await (const { loss } of train(net, set, { seed, ...rates, ...options })) losses.push(loss)
  return losses
}

// Rates at which the losses move, and rounding does not grow into another course within ten steps.
const cases = [
  {
    net: 'alexnet',
    definition: alexnet({ dropout: 0 }),
    size: 227,
    lr: 3e-5,
    ways: {},
    builds: [true, false]
  },
  {
    net: 'fashion',
    definition: fashion({ dropout: 0 }),
    size: 28,
    lr: 2e-5,
    ways: {},
    builds: [true, false]
  },
  {
    net: 'torchvision',
    definition: torchvision({ dropout: 0 }),
    size: 64,
    lr: 0.01,
    // Its norms are above .5, and so are clipped.
    ways: { labelSmoothing: 0.1, clipNorm: 0.25 },
    builds: [true]
  }
] as const

/** How far off something is, and how far it may be. */
export interface ParityCheck {
  readonly name: string
  readonly error: number
  readonly bound: number
}

export const parityNets = cases.map(({ net }) => net)

/** Norms, losses and kinks as fractions; bf16 keeps 8 bits, each layer rounds, and errors add up from layer to layer. */
const bounds = {
  f32: { farthest: 1e-3, gradient: 1e-3, losses: 1e-4 },
  bf16: { farthest: 0.1, gradient: 0.05, losses: 0.02 }
} as const

export interface ParityOptions {
  /** Of ours; PyTorch computes in f32. Default 'f32'. */
  readonly dtype?: 'f32' | 'bf16'
  /** Puts another net in the place of one, with the same layers. */
  readonly instead?: (definition: NetDefinition) => NetDefinition
  /** What PyTorch gave once, to compare with in its place: it does not run. */
  readonly kept?: KeptResult
  /** Called with what PyTorch gave. */
  readonly onResult?: (result: TorchResult) => void
}

/** Trains a net on a device and in PyTorch, on a GPU where ours is on one, and yields how they agree. */
export async function* parity(
  device: Device,
  name: (typeof parityNets)[number],
  { dtype = 'f32', instead = (definition) => definition, kept, onResult }: ParityOptions = {}
): AsyncGenerator<ParityCheck> {
  const bound = bounds[dtype]
  for (const { net, definition: named, size: usual, lr, ways, builds } of cases) {
    if (net !== name) continue
    const definition = instead(named)
    const size = Math.min(usual, definition.input.height)
    let expected: TorchResult | KeptResult | undefined = kept
    for (const fuse of builds) {
      await using net = await definition.build(device, { batch, fuse, seed, dtype })
      if (name === 'alexnet') await spread(net)
      const set = images(definition, net.classes, size)
      const { height, width } = definition.input
      if (!expected) {
        const result = await trainInPytorch({
          net: name,
          weights: await net.parameters.export(net.stream),
          decay: Object.fromEntries(net.parameters.trained.map(({ name, decay }) => [name, decay])),
          branches: await branches(net, set),
          ...(await inOrder(set)),
          size: [height, width],
          mean: set.mean,
          std: set.std,
          batch,
          threads: device.threads,
          gpu: device.kind === 'cuda',
          lr,
          ...rates,
          labelSmoothing: 0,
          ...ways
        })
        onResult?.(result)
        expected = result
      }
      const how = fuse ? 'fused' : 'unfused'
      const { losses: wantedLosses, gradients: wanted } = expected
      if ('farthest' in expected) {
        const where = expected.gpu ? ' (PyTorch on its GPU)' : ''
        const branch = `${how}: branches, in deviations from kinks${where}`
        yield { name: branch, error: expected.farthest, bound: bound.farthest }
      }
      const gradients = await firstGradients(net, set, ways)
      const names = new Set([...gradients.keys(), ...wanted.keys()])
      for (const parameter of [...names].sort()) {
        const error = distance(gradients.get(parameter), wanted.get(parameter))
        yield { name: `${how}: the gradient of ${parameter}`, error, bound: bound.gradient }
      }
      // The two builds differ in single ops: a few steps of the second show what there is to see.
      const found = await losses(net, set, { lr, steps: fuse ? steps : 3, ...ways })
      const off = found.map((loss, i) => Math.abs(loss / (wantedLosses[i] ?? Number.NaN) - 1))
      yield { name: `${how}: ${found.length} losses`, error: Math.max(...off), bound: bound.losses }
    }
  }
}
