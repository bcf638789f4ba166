// Smoothing, clipping, averages and accumulation on the double of CUDA: as on the CPU, gone on with, and on two GPUs.
import t from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import type { FloatDType } from '../lib/native/dtype.ts'
import { openDevices } from '../lib/net/placement/devices.ts'
import type { Parallel } from '../lib/net/placement/placement.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { distance, seed, sgdRates, weights } from './courses.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { exchangesOf } from './placed.ts'
import { smallNet, smallSet } from './small-net.ts'

const control = await useDouble(t, 'devices=2')
const all = { labelSmoothing: 0.1, clipNorm: 0.1, ema: 0.8, accumulate: 3 }
const set = smallSet(22)

interface Course extends Partial<TrainOptions> {
  readonly devices?: readonly string[]
  readonly dtype?: FloatDType
  readonly parallel?: Parallel
}

async function course({ devices = ['cuda:0'], dtype = 'f32', parallel, ...options }: Course) {
  const opened: Device[] = []
  try {
    for (const name of devices) {
      opened.push(await open(name, { threads: 1, deterministic: name.startsWith('cuda') }))
    }
    await using net = await smallNet().build(opened, {
      batch: 4,
      seed,
      dtype,
      ...(parallel && { parallel })
    })
    const steps: { loss: number; norm: number; skipped: boolean }[] = []
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const settings = { ...sgdRates, ...all, steps: 6, seed, checkpoint: { save }, ...options }
    for await (const { loss, gradientNorm = 0, skipped = false } of train(net, set, settings)) {
      steps.push({ loss, norm: gradientNorm, skipped })
    }
    return { steps, saved, weights: await weights(net), test: (await evaluate(net, set)).loss }
  } finally {
    for (const device of opened) await device.close()
  }
}

type Found = Awaited<ReturnType<typeof course>>
const off = (found: Found, expected: Found, of: 'loss' | 'norm') =>
  Math.max(...found.steps.map((step, i) => Math.abs(step[of] / (expected.steps[i]?.[of] ?? 0) - 1)))

t.test('as on the CPU, and gone on with', needsDouble, async (t) => {
  const cpu = await course({ devices: ['cpu'] })
  const whole = await course({})
  t.ok(off(whole, cpu, 'loss') < 1e-4, `losses ${off(whole, cpu, 'loss')} off`)
  t.ok(off(whole, cpu, 'norm') < 1e-3, `norms ${off(whole, cpu, 'norm')} off`)
  t.ok(distance(whole.weights, cpu.weights) < 1e-2)
  t.ok(Math.abs(whole.test / cpu.test - 1) < 1e-4)
  const first = await course({ steps: 3 })
  const rest = await course({ from: first.saved })
  t.same([...first.steps, ...rest.steps], whole.steps)
  t.equal(distance(rest.weights, whole.weights), 0)
})

t.test('in f16, overflows and all', needsDouble, async (t) => {
  const cpu = await course({ devices: ['cpu'] })
  const f16 = await course({ dtype: 'f16', lossScale: { start: 1024 } })
  t.ok(off(f16, cpu, 'loss') < 0.02, `losses ${off(f16, cpu, 'loss')} off`)
  t.ok(off(f16, cpu, 'norm') < 0.1, `norms ${off(f16, cpu, 'norm')} off`)
  const lossScale = { start: 2 ** 24, interval: 5 }
  const whole = await course({ dtype: 'f16', lossScale, steps: 16 })
  t.ok(whole.steps.some(({ skipped }) => skipped))
  t.ok(whole.steps.some(({ skipped }) => !skipped))
  const first = await course({ dtype: 'f16', lossScale, steps: 3 })
  const rest = await course({ dtype: 'f16', lossScale, steps: 16, from: first.saved })
  t.same([...first.steps, ...rest.steps], whole.steps)
  t.equal(distance(rest.weights, whole.weights), 0)
})

t.test('on two GPUs, and two devices on one', needsDouble, async (t) => {
  const alone = await course({})
  for (const devices of [
    ['cuda:0', 'cuda:1'],
    ['cuda:0#0', 'cuda:0#1']
  ]) {
    const shared = await course({ devices })
    t.ok(off(shared, alone, 'loss') < 1e-4, `losses ${off(shared, alone, 'loss')} off`)
    t.ok(off(shared, alone, 'norm') < 1e-3)
    t.ok(distance(shared.weights, alone.weights) < 1e-2)
  }
  const cpus = await course({ devices: ['cpu:0', 'cpu:1'], parallel: 'data' })
  const replicas = await course({ devices: ['cuda:0', 'cuda:1'], parallel: 'data' })
  t.ok(off(replicas, cpus, 'loss') < 1e-4)
  t.ok(off(replicas, cpus, 'norm') < 1e-3)
})

t.test('two GPUs exchange their gradients once a step', needsDouble, async (t) => {
  const devices = ['cuda:0', 'cuda:1']
  await using opened = await openDevices(devices, { threads: 1 })
  await using net = await smallNet().build(opened.all, { batch: 4, seed, parallel: 'data' })
  const { copies, gradients } = await exchangesOf(net, set, 3)
  t.strictSame(copies, [2 * gradients, 0, 0, 2 * gradients])
})

t.test('all was given back', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
