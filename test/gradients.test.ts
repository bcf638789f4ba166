// Gradients along branches against the loss's slope, by finite differences: a gradient that is masked twice, not
// at all, or overwritten by another reader shows here and nowhere else.
import t, { type Test } from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import { exportTensors, type PublicTensor } from '../lib/net/graph/public-tensors.ts'
import type { LayerNode } from '../lib/net/layer.ts'
import { tanh } from '../lib/net/layers/activation.ts'
import { batchNorm } from '../lib/net/layers/batch-norm.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { add, concat, slice } from '../lib/net/layers/join.ts'
import { leakyRelu } from '../lib/net/layers/leaky-relu.ts'
import { lrn } from '../lib/net/layers/lrn.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { Feed } from '../lib/training/input/feed.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { define, noise } from './noise.ts'

type Weights = ReadonlyMap<string, PublicTensor>

const weightsOf = (net: Net) => net.parameters.export(net.stream)

async function gradientsOf(net: Net): Promise<Weights> {
  const list = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
  return exportTensors(net.stream, list)
}

const at = (step: number, lr: number) => ({ step, seed: 5, lr })

async function withDevice(work: (device: Device) => Promise<void>): Promise<void> {
  await using device = await open('cpu', { threads: 2 })
  await work(device)
}

/** Compares every gradient with the loss's slope along it. */
async function checkGradients(
  t: Test,
  device: Device,
  definition: NetDefinition,
  freeze?: readonly string[]
) {
  for (const fuse of [true, false]) {
    const set = noise(4, 7)
    await using net = await definition.build(device, { batch: 4, fuse, seed: 3, freeze })
    const start = await weightsOf(net)
    {
      await using trainer = await Trainer.create(net, set, sgd())
      await (await trainer.step(Uint32Array.of(0, 1, 2, 3), at(0, 0))).result
    }
    const gradients = await gradientsOf(net)
    const feed = await Feed.create(net, set)
    const indices = Uint32Array.of(0, 1, 2, 3)
    const lossWith = async (name: string, by: (value: number, i: number) => number) => {
      const { shape, data } = start.get(name) ?? { shape: [], data: new Float32Array() }
      const moved = new Map(start).set(name, { shape, data: data.map(by) })
      await net.parameters.import(net.stream, moved)
      // The input's bytes are used again once it has been read.
      await (await feed.stage({ indices, step: 0, seed: 5 }))()
      await net.forward()
      return (await net.stream.read(net.io.stats.place))[0] ?? Number.NaN
    }
    for (const [name, { data }] of gradients) {
      const norm = Math.hypot(...data)
      t.ok(norm > 1e-3, `${name} has a gradient`)
      const h = 2e-3
      const direction = data.map((g) => g / norm)
      const up = await lossWith(name, (w, i) => w + h * (direction[i] ?? 0))
      const down = await lossWith(name, (w, i) => w - h * (direction[i] ?? 0))
      const slope = (up - down) / (2 * h)
      const off = Math.abs(slope / norm - 1)
      t.ok(off < 0.02, `${fuse ? 'fused' : 'apart'}: ${name}: ${off.toExponential(1)} off`)
    }
    feed.close()
  }
}

const branches: Readonly<Record<string, readonly LayerNode[]>> = {
  'add of two ReLUs, and a ReLU after it': [
    conv2d({ name: 'a', filters: 8, size: 3, padding: 1, inputs: ['input'] }),
    relu({ name: 'ra' }),
    conv2d({ name: 'b', filters: 8, size: 3, padding: 1, inputs: ['input'] }),
    relu({ name: 'rb' }),
    add({ inputs: ['ra', 'rb'] }),
    relu()
  ],
  'residual block': [
    conv2d({ name: 'stem', filters: 8, size: 3, padding: 1 }),
    relu({ name: 'rs' }),
    conv2d({ name: 'a', filters: 8, size: 3, padding: 1, bias: false }),
    batchNorm(),
    relu(),
    conv2d({ name: 'b', filters: 8, size: 3, padding: 1 }),
    add({ name: 'sum', inputs: ['b', 'rs'] }),
    relu(),
    maxPool({ size: 2 })
  ],
  'leaky ReLUs, read by one layer and by two': [
    conv2d({ name: 'a', filters: 8, size: 3, padding: 1 }),
    leakyRelu({ name: 'la', slope: 0.2 }),
    conv2d({ name: 'b', filters: 8, size: 3, padding: 1 }),
    leakyRelu({ name: 'lb' }),
    add({ inputs: ['la', 'lb'] })
  ],
  'concat and slice': [
    conv2d({ name: 'a', filters: 5, size: 3, padding: 1, inputs: ['input'] }),
    relu({ name: 'ra' }),
    conv2d({ name: 'b', filters: 7, size: 1, inputs: ['input'] }),
    tanh({ name: 'tb' }),
    concat({ name: 'both', inputs: ['ra', 'tb'] }),
    slice({ name: 'low', from: 0, count: 6, inputs: ['both'] }),
    slice({ name: 'high', from: 6, count: 6, inputs: ['both'] }),
    add({ inputs: ['low', 'high'] })
  ],
  'a slice of the input, added to itself': [
    slice({ name: 'one', from: 1, count: 1, inputs: ['input'] }),
    conv2d({ filters: 8, size: 3, padding: 1 }),
    lrn({ name: 'l' }),
    add({ inputs: ['l', 'l'] })
  ],
  'a ReLU that two layers of different layouts read': [
    conv2d({ name: 'a', filters: 16, size: 3, padding: 1 }),
    relu({ name: 'ra' }),
    conv2d({ name: 'b', filters: 16, size: 1 }),
    relu({ name: 'rb' }),
    conv2d({ name: 'c', filters: 16, size: 3, padding: 1, groups: 2, inputs: ['ra'] }),
    relu({ name: 'rc' }),
    lrn({ name: 'l', inputs: ['ra'] }),
    add({ name: 'bc', inputs: ['rb', 'rc'] }),
    add({ inputs: ['bc', 'l'] })
  ]
}

/** Layers that are frozen between layers that learn. */
const frozen: Readonly<Record<string, readonly string[]>> = {
  'residual block': ['a', 'batch_norm1'],
  'a ReLU that two layers of different layouts read': ['b', 'c']
}

for (const [name, freeze] of Object.entries(frozen)) {
  t.test(`gradients through frozen layers: ${name}`, (t) =>
    withDevice((device) => {
      const layers = [...(branches[name] ?? []), flatten(), dense({ units: 3 })]
      return checkGradients(t, device, define(layers), freeze)
    })
  )
}

for (const [name, layers] of Object.entries(branches)) {
  t.test(`gradients by finite differences: ${name}`, (t) =>
    withDevice((device) =>
      checkGradients(t, device, define([...layers, flatten(), dense({ units: 3 })]))
    )
  )
}
