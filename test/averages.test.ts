// The moving average of the weights: against the formula, in validations, at the end, in checkpoints, on devices.
import t from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import type { Parallel } from '../lib/net/placement/placement.ts'
import { adam } from '../lib/optim/optimizer.ts'
import { toCheckpoint, toSnapshot } from '../lib/run/snapshot.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type Snapshot, type TrainOptions, train, type Validation } from '../lib/training/train.ts'
import { distance, run, seed, sgdRates, type Weights, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

const set = smallSet(24)
const ema = 0.8

interface Course extends Partial<TrainOptions> {
  readonly devices?: readonly string[]
  readonly parallel?: Parallel
  /** Leaves the loop after this step. */
  readonly leave?: number
  /** Factor on the last layer's weights at the start. Default 1. */
  readonly steep?: number
}

async function course(course: Course) {
  const { devices = ['cpu'], parallel = 'model', leave, steep = 1, ...options } = course
  const opened: Device[] = []
  try {
    for (const name of devices) opened.push(await open(name, { threads: 1 }))
    await using net = await smallNet().build(opened, { batch: 4, seed, parallel })
    const start = await weights(net)
    const last = start.get('fc3.weight')
    if (last) start.set('fc3.weight', { ...last, data: last.data.map((value) => value * steep) })
    await net.parameters.import(net.stream, start)
    const losses: number[] = []
    const saved: Snapshot[] = []
    const checkpoint = { every: 1, save: (snapshot: Snapshot) => void saved.push(snapshot) }
    const all = train(net, set, { ...sgdRates, seed, checkpoint, ...options })
    for await (const { step, loss } of all) {
      losses.push(loss)
      if (step === leave) break
    }
    return { start, losses, saved, weights: await weights(net), test: await evaluate(net, set) }
  } finally {
    for (const device of opened) await device.close()
  }
}

const trainedOf = ({ optimizer }: Snapshot): Weights => optimizer.get('w') ?? new Map()

const part = (of: Weights, like: Weights) =>
  new Map([...of].filter(([name]) => [...like.keys()].includes(name)))

function last(saved: readonly Snapshot[]): Snapshot {
  const [snapshot] = saved.slice(-1)
  if (!snapshot) throw new Error('nothing was saved')
  return snapshot
}

t.test('it is what the formula says, and leaves the weights as they are', async (t) => {
  for (const optimizer of [undefined, adam()]) {
    const usual = { steps: 6, ...(optimizer && { optimizer, lr: 1e-3 }) }
    const plain = await course(usual)
    const found = await course({ ...usual, ema })
    t.same(found.losses, plain.losses)
    t.equal(found.saved.length, 6)
    let expected: Weights = found.start
    for (const [i, snapshot] of found.saved.entries()) {
      const trained = trainedOf(snapshot)
      t.equal(distance(trained, part(plain.saved[i]?.weights ?? new Map(), trained)), 0)
      const before = expected
      const next = [...trained].map(([name, { shape, data }]) => {
        const old = before.get(name)?.data ?? []
        return [
          name,
          { shape, data: data.map((w, k) => ema * (old[k] ?? 0) + (1 - ema) * w) }
        ] as const
      })
      expected = new Map(next)
      t.ok(distance(snapshot.weights, expected) < 1e-6, `after step ${i + 1}`)
      t.ok(distance(trained, expected) > 1e-4, 'and not the weights')
    }
    const running = found.weights.get('norm2.running_mean')?.data
    t.same(
      running,
      plain.weights.get('norm2.running_mean')?.data,
      'statistics are taken as they are'
    )
    t.equal(distance(found.weights, found.saved.at(-1)?.weights ?? new Map()), 0, 'the net has it')
  }
})

t.test('validations are made with it, and it is what is left, however the loop ends', async (t) => {
  const seen: Validation[] = []
  const validation = { set, every: 2, onResult: (found: Validation) => void seen.push(found) }
  const { saved, losses, weights: left, test } = await course({ steps: 6, ema, validation })
  t.same(losses, (await course({ steps: 6 })).losses, 'looking changes nothing')
  t.equal(seen.length, 3)
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, training: false })
  for (const { step, loss } of seen) {
    const snapshot = saved.find(({ state }) => state.step === step)
    await net.parameters.import(net.stream, snapshot?.weights ?? new Map())
    t.equal((await evaluate(net, set)).loss, loss)
  }
  t.equal(test.loss, seen.at(-1)?.loss)
  // The gradients of the sixth step were under way.
  const early = await course({ steps: 6, ema, leave: 5, checkpoint: { save: () => {} } })
  t.equal(distance(early.weights, last(saved.slice(0, 5)).weights), 0)
  t.ok(distance(early.weights, left) > 0)
})

t.test('a run that goes on goes on bit for bit', async (t) => {
  const whole = await course({ steps: 8, ema })
  for (const at of [1, 5]) {
    const { saved } = await course({ steps: at, ema })
    const checkpoint = { ...toCheckpoint(last(saved)), folder: 'none', alexnode: '0' }
    const state = JSON.parse(JSON.stringify(checkpoint.state))
    const rest = await course({ steps: 8, ema, from: toSnapshot({ ...checkpoint, state }) })
    t.same(rest.losses, whole.losses.slice(at))
    t.equal(distance(rest.weights, whole.weights), 0)
    t.equal(distance(trainedOf(last(rest.saved)), trainedOf(last(whole.saved))), 0)
  }
  const without = course({ steps: 8, from: last(whole.saved) })
  await t.rejects(without, /ema: expected one, as the run was begun with/)
  const plain = await course({ steps: 2 })
  const late = course({ steps: 8, ema, from: last(plain.saved) })
  await t.rejects(late, /ema: expected none, as the run was begun without/)
})

t.test('an update that is skipped leaves it', async (t) => {
  const { saved, start } = await course({
    steps: 2,
    ema,
    steep: 64,
    lossScale: { start: 2 ** 126 }
  })
  const [first] = saved
  if (!first) throw new Error('nothing was saved')
  t.equal(first.state.lossScale?.skipped, 1)
  t.equal(distance(part(first.weights, trainedOf(first)), part(start, trainedOf(first))), 0)
})

t.test('on several devices', async (t) => {
  const alone = await course({ steps: 6, ema })
  const two = ['cpu:0', 'cpu:1']
  const shared = await course({ steps: 6, ema, devices: two })
  t.ok(distance(shared.weights, alone.weights) < 1e-3)
  t.ok(distance(trainedOf(last(shared.saved)), trainedOf(last(alone.saved))) < 1e-3)
  // Each replica has batch norm look at its share alone.
  const replicas = await course({ steps: 6, ema, devices: two, parallel: 'data', lr: 1e-3 })
  const few = await course({ steps: 6, ema, lr: 1e-3 })
  t.ok(Math.abs(replicas.test.loss / few.test.loss - 1) < 0.05)
})

t.test('what it takes, and what is no decay', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, optimizer: adam() })
  await using more = await smallNet().build(device, { batch: 4, optimizer: adam(), ema })
  const bytes = (of: typeof net) =>
    of.plan.slabs.find(({ name }) => name === 'optimizer')?.bytes ?? 0
  t.equal(bytes(more), 1.5 * bytes(net))
  for (const ema of [-0.5, 1, Number.NaN]) {
    await t.rejects(run(net, set, { ema }), /ema: expected a number from 0 to below 1/)
  }
})
