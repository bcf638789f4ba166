// Gradients that are clipped at a norm: against the formula, with a scaled loss, and on several devices.
import t from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import { Parameter } from '../lib/net/graph/parameter.ts'
import { exportTensors } from '../lib/net/graph/public-tensors.ts'
import type { Parallel } from '../lib/net/placement/placement.ts'
import { adam } from '../lib/optim/optimizer.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { distance, run, seed, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

const set = smallSet(24)

interface Course extends Partial<TrainOptions> {
  readonly devices?: readonly string[]
  readonly parallel?: Parallel
}

/** Stands for a replica's copy, of which the first replica's is written otherwise. */
function shown(copy: Parameter): Parameter {
  const { layer, kind: name, shape, dims, home } = copy
  const spec = { name, shape, dims, init: 'he' } as const
  return Object.assign(new Parameter(layer, spec, { ...copy, copy: false }), { home })
}

/** Losses, norms and weights of a run. */
async function course({ devices = ['cpu'], parallel = 'model', ...options }: Course) {
  const opened: Device[] = []
  try {
    for (const name of devices) opened.push(await open(name, { threads: 1 }))
    await using net = await smallNet().build(opened, { batch: 4, seed, parallel })
    const steps: { loss: number; norm: number | undefined }[] = []
    for await (const { loss, gradientNorm } of train(net, set, { ...sgdRates, seed, ...options })) {
      steps.push({ loss, norm: gradientNorm })
    }
    const copies = net.parameters.all.filter(({ copy }) => copy)
    const copied = await exportTensors(
      net.stream,
      copies.map((p) => [shown(p), p.master.place])
    )
    return { steps, weights: await weights(net), copied }
  } finally {
    for (const device of opened) await device.close()
  }
}

t.test('the norm is that of all gradients, and the update is made with shorter ones', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  for (const clipNorm of [0.02, 1e6]) {
    await using net = await smallNet().build(device, { batch: 4, seed })
    const before = await weights(net)
    const options = { steps: 1, lr: 0.5, weightDecay: 0.01, seed, clipNorm }
    let norm = Number.NaN
    for await (const step of train(net, set, options)) norm = step.gradientNorm ?? Number.NaN
    const trained = net.parameters.trained
    const gradients = await exportTensors(
      net.stream,
      trained.map((p) => [p, p.gradient.place])
    )
    const wanted = Math.hypot(...[...gradients.values()].flatMap(({ data }) => [...data]))
    t.ok(Math.abs(norm / wanted - 1) < 1e-6, `${norm} is ${wanted}`)
    t.equal(norm > clipNorm, clipNorm < 1, 'the small one is clipped')
    const factor = Math.min(1, clipNorm / (wanted + 1e-6))
    const expected = new Map(before)
    for (const { name, decay } of trained) {
      const { shape = [], data = new Float32Array() } = before.get(name) ?? {}
      const slope = gradients.get(name)?.data
      const next = data.map((w, i) => w - 0.5 * (factor * (slope?.[i] ?? 0) + 0.01 * decay * w))
      expected.set(name, { shape, data: next })
    }
    const after = await weights(net)
    const untrained = net.parameters.all.filter(({ trained }) => !trained)
    for (const { name } of untrained) expected.delete(name)
    t.ok(distance(after, expected) < 1e-6)
    t.ok(distance(before, expected) > 1e-6, 'and they have moved')
  }
})

t.test('a norm that is not reached leaves every bit as it is', async (t) => {
  const plain = await course({ steps: 6 })
  t.ok(plain.steps.every(({ norm }) => norm === undefined))
  for (const clipNorm of [1e6, Number.POSITIVE_INFINITY]) {
    const measured = await course({ steps: 6, clipNorm })
    t.equal(distance(measured.weights, plain.weights), 0)
    t.ok(measured.steps.every(({ norm = 0 }) => norm > 0 && norm < 1e6))
  }
})

t.test('a scaled loss has the same norm, and the same course', async (t) => {
  for (const optimizer of [undefined, adam()]) {
    const usual = optimizer ? { optimizer, lr: 1e-3 } : {}
    const options = { steps: 6, clipNorm: 0.05, ...usual }
    const plain = await course(options)
    const scaled = await course({ ...options, lossScale: { start: 256, interval: 3 } })
    t.same(scaled.steps, plain.steps)
    t.equal(distance(scaled.weights, plain.weights), 0)
  }
})

t.test('several devices clip at the norm of the whole net', async (t) => {
  const options = { steps: 6, clipNorm: 0.05 }
  const alone = await course(options)
  t.ok(
    alone.steps.every(({ norm = 0 }) => norm > 0.05),
    'all are clipped'
  )
  const two = ['cpu:0', 'cpu:1']
  const shared = await course({ ...options, devices: two })
  const again = await course({ ...options, devices: two })
  t.same(again.steps, shared.steps)
  for (const [i, { loss, norm = Number.NaN }] of shared.steps.entries()) {
    const expected = alone.steps[i]
    t.ok(Math.abs(loss / (expected?.loss ?? Number.NaN) - 1) < 1e-4)
    t.ok(Math.abs(norm / (expected?.norm ?? Number.NaN) - 1) < 1e-3, `${norm}`)
  }
  const replicas = await course({ ...options, devices: two, parallel: 'data' })
  t.ok(replicas.copied.size > 0)
  for (const [name, { data }] of replicas.copied) {
    t.same(data, replicas.weights.get(name)?.data, `${name} is the same in both replicas`)
  }
})

t.test('what is no norm', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4 })
  for (const clipNorm of [0, -1, Number.NaN]) {
    await t.rejects(run(net, set, { clipNorm }), /clipNorm: expected a number above 0, got/)
  }
})
