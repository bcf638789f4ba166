// Optimizers against their formulas in f64, schedules against their values, and seeds.
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { exportTensors, type PublicTensor } from '../lib/net/graph/public-tensors.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'
import type { Net } from '../lib/net/net.ts'
import { adam, sgd } from '../lib/optim/optimizer.ts'
import { constant, cosine, exponential, plateau, step, warmUp } from '../lib/optim/schedule.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { define, noise } from './noise.ts'

type Weights = ReadonlyMap<string, PublicTensor>

/** No layer of it mixes the images of a batch. */
const plain = define([
  conv2d({ filters: 8, size: 3, padding: 1 }),
  relu(),
  maxPool({ size: 2 }),
  flatten(),
  dense({ units: 3 })
])

const weightsOf = (net: Net) => net.parameters.export(net.stream)

async function gradientsOf(net: Net): Promise<Weights> {
  const list = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
  return exportTensors(net.stream, list)
}

async function losses(net: Net, set: ImageSet, options: TrainOptions): Promise<number[]> {
  const out: number[] = []
  for await (const { loss } of train(net, set, options)) out.push(loss)
  return out
}

/** The largest |a - b| / |b| of a tensor, in the 2-norm. */
function distance(a: Weights, b: Weights): number {
  let worst = 0
  for (const [name, { data }] of b) {
    let [difference, norm] = [0, 0]
    for (const [i, value] of data.entries()) {
      difference += ((a.get(name)?.data[i] ?? Number.NaN) - value) ** 2
      norm += value ** 2
    }
    worst = Math.max(worst, Math.sqrt(difference / Math.max(norm, 1e-20)))
  }
  return worst
}

async function withDevice(work: (device: Device) => Promise<void>): Promise<void> {
  await using device = await open('cpu', { threads: 2 })
  await work(device)
}

const rates = { momentum: 0.9, weightDecay: 5e-4 }
const at = (step: number, lr: number) => ({ step, seed: 5, lr })

t.test('a seed gives the same run twice, another seed another', (t) =>
  withDevice(async (device) => {
    const runs = []
    for (const seed of [11, 11, 12]) {
      await using net = await plain.build(device, { batch: 4, seed })
      const list = await losses(net, noise(10), { steps: 5, lr: 0.05, ...rates })
      runs.push({ list, weights: await weightsOf(net) })
    }
    t.strictSame(runs[0], runs[1])
    t.notSame(runs[0]?.list, runs[2]?.list)
  })
)

/** Runs four steps at changing rates and works the same updates out in f64, from the device's gradients. */
async function followed(
  device: Device,
  optimizer: ReturnType<typeof sgd>,
  update: (w: number, g: number, state: number[], lr: number, step: number) => number
): Promise<number> {
  const set = noise(8)
  await using net = await plain.build(device, { batch: 8 })
  await using trainer = await Trainer.create(net, set, optimizer)
  const indices = Uint32Array.from({ length: 8 }, (_, i) => i)
  const wanted = new Map<string, PublicTensor>(await weightsOf(net))
  const states = new Map<string, number[][]>()
  for (const [step, lr] of [0.1, 0.02, 0.05, 0.01].entries()) {
    await (await trainer.step(indices, at(step, lr))).result
    for (const [name, { data: g }] of await gradientsOf(net)) {
      const { shape, data } = wanted.get(name) ?? { shape: [], data: new Float32Array() }
      const state = states.get(name) ?? Array.from(data, () => [0, 0])
      states.set(name, state)
      const next = data.map((w, i) => update(w, g[i] ?? 0, state[i] ?? [], lr, step))
      wanted.set(name, { shape, data: next })
    }
  }
  return distance(await weightsOf(net), wanted)
}

t.test('optimizers do what they say, at changing rates', (t) =>
  withDevice(async (device) => {
    const decay = 0.01
    const pytorch = (w: number, g: number, state: number[], lr: number) => {
      state[0] = 0.9 * (state[0] ?? 0) + g + decay * w
      return w - lr * state[0]
    }
    const paper = (w: number, g: number, state: number[], lr: number) => {
      state[0] = 0.9 * (state[0] ?? 0) - lr * decay * w - lr * g
      return w + state[0]
    }
    const kingma = (w: number, g: number, state: number[], lr: number, step: number) => {
      const d = g + decay * w
      const m = 0.9 * (state[0] ?? 0) + 0.1 * d
      const v = 0.999 * (state[1] ?? 0) + 0.001 * d * d
      state[0] = m
      state[1] = v
      const [mHat, vHat] = [m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))]
      return w - (lr * mHat) / (Math.sqrt(vHat) + 1e-8)
    }
    const options = { momentum: 0.9, weightDecay: decay }
    t.ok((await followed(device, sgd(options), pytorch)) < 1e-5)
    t.ok((await followed(device, sgd({ ...options, form: 'paper' }), paper)) < 1e-5)
    t.ok((await followed(device, adam({ weightDecay: decay }), kingma)) < 1e-4)
    t.ok((await followed(device, sgd(options), paper)) > 1e-3, 'and the two forms differ')
  })
)

t.test('training learns, with each optimizer', (t) =>
  withDevice(async (device) => {
    for (const optimizer of [sgd(rates), adam()]) {
      await using net = await plain.build(device, { batch: 8 })
      const lr = optimizer.op === 'adam' ? 0.003 : 0.01
      const list = await losses(net, noise(16), { steps: 20, lr, optimizer })
      const last = list.slice(-2)
      t.ok(Math.max(...last) < 0.7, `${optimizer.op}: from ${list[0]} to ${last}`)
    }
  })
)

t.test('schedules', (t) => {
  const at = (step: number, epoch = step / 10, steps = 100) => ({ step, epoch, steps })
  const near = (found: number, wanted: number) =>
    t.ok(Math.abs(found - wanted) < 1e-12, `${wanted}`)
  near(constant()(at(99)), 1)
  for (const [epoch, wanted] of [
    [0, 1],
    [2.9, 1],
    [3, 0.1],
    [5, 0.01]
  ] as const) {
    near(step({ at: [3, 5] })(at(0, epoch)), wanted)
  }
  near(step({ every: 2, factor: 0.5 })(at(0, 5)), 0.25)
  t.throws(() => step({}), { message: /either every or at/ })
  t.throws(() => step({ every: 1, at: [1] }), { message: /either every or at/ })
  near(exponential({ factor: 0.9 })(at(0, 2.5)), 0.9 ** 2.5)
  for (const [step, wanted] of [
    [0, 1],
    [50, 0.5],
    [100, 0],
    [120, 0]
  ] as const)
    near(cosine()(at(step)), wanted)
  near(cosine({ end: 0.2 })(at(50)), 0.6)
  near(cosine()(at(0, 0, 0)), 1)
  const warm = warmUp({ steps: 4, next: exponential({ factor: 0.5 }) })
  near(warm(at(0, 0)), 0.25)
  near(warm(at(3, 0)), 1)
  near(warm(at(40, 2)), 0.25)
  const watched = plateau({ patience: 2, factor: 0.5 })
  const factors = [1, 0.9, 0.95, 0.9, 0.8, 0.8, 0.8].map((value) => {
    watched.observe(value)
    return watched(at(0))
  })
  t.strictSame(factors, [1, 1, 1, 0.5, 0.5, 0.5, 0.25])
  const saved = structuredClone(watched.state)
  const resumed = plateau({ patience: 2, factor: 0.5 })
  resumed.state = saved
  near(resumed(at(0)), 0.25)
  t.end()
})

t.test('the rate of a step is what the schedule says', (t) =>
  withDevice(async (device) => {
    await using net = await plain.build(device, { batch: 4 })
    const found: number[] = []
    const options = { epochs: 2, lr: 0.1, schedule: step({ every: 1 }) }
    for await (const { lr } of train(net, noise(8), options)) found.push(lr)
    t.strictSame(
      found.map((lr) => lr.toFixed(6)),
      ['0.100000', '0.100000', '0.010000', '0.010000']
    )
  })
)
