// Updates from several batches: as from one larger batch, on devices, with a scaled loss, gone on with.
import t, { type Test } from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/net/definition.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { dropout } from '../lib/net/layers/dropout.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'
import { openDevices } from '../lib/net/placement/devices.ts'
import type { Parallel } from '../lib/net/placement/placement.ts'
import { type Snapshot, type Step, type TrainOptions, train } from '../lib/training/train.ts'
import { distance, run, seed, sgdRates, weights } from './courses.ts'
import { exchangesOf } from './placed.ts'
import { smallNet, smallSet } from './small-net.ts'

/** With dropout, and without batch norm, which looks at each batch by itself. */
const plain = defineNet({
  name: 'plain',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    conv2d({ name: 'conv', filters: 16, size: 5, stride: 2, padding: 'same', groups: 1 }),
    relu(),
    maxPool({ size: 2 }),
    flatten(),
    dense({ name: 'fc1', units: 32 }),
    relu(),
    dropout({ rate: 0.5 }),
    dense({ name: 'fc2', units: 10 })
  ]
})
/** Larger than the net's input: cropped and mirrored by chance. Two updates of 16 images, and one of 11. */
const set = shapes({ size: 32, train: 43, seed: 5 }).train

interface Course extends Partial<TrainOptions> {
  readonly batch?: number
  readonly devices?: readonly string[]
  readonly parallel?: Parallel
  readonly images?: ImageSet
  readonly definition?: typeof plain
  readonly steep?: number
}

async function course(course: Course) {
  const { batch = 16, devices = ['cpu'], parallel = 'model', images = set, ...more } = course
  const { definition = plain, steep = 1, ...options } = more
  const opened: Device[] = []
  try {
    for (const name of devices) opened.push(await open(name, { threads: 1 }))
    await using net = await definition.build(opened, { batch, seed, parallel })
    const start = [...(await weights(net))].map(
      ([name, { shape, data }]) => [name, { shape, data: data.map((w) => w * steep) }] as const
    )
    await net.parameters.import(net.stream, new Map(start))
    const steps: Pick<Step, 'loss' | 'top1' | 'images' | 'epoch' | 'skipped'>[] = []
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const length = options.steps === undefined ? { epochs: 2 } : {}
    const all = { ...sgdRates, ...length, seed, checkpoint: { save }, ...options }
    for await (const { loss, top1, images: count, epoch, skipped } of train(net, images, all)) {
      const skips = skipped === undefined ? {} : { skipped }
      steps.push({ loss, top1, images: count, epoch, ...skips })
    }
    return { steps, saved, weights: await weights(net) }
  } finally {
    for (const device of opened) await device.close()
  }
}

type Found = Awaited<ReturnType<typeof course>>

function agree(test: Test, found: Found, expected: Found, what: string): void {
  test.equal(found.steps.length, expected.steps.length)
  for (const [i, { loss, ...counts }] of found.steps.entries()) {
    const { loss: wanted = Number.NaN, ...others } = expected.steps[i] ?? {}
    test.ok(Math.abs(loss / wanted - 1) < 1e-5, `${what}: ${loss} is ${wanted}`)
    test.same(counts, others)
  }
  const off = distance(found.weights, expected.weights)
  test.ok(off < 1e-4, `${what}: weights ${off} off`)
}

t.test('batches added up are one larger batch', async (t) => {
  const whole = await course({})
  t.same(
    whole.steps.map(({ images }) => images),
    [16, 16, 11, 16, 16, 11]
  )
  for (const [batch, accumulate] of [
    [8, 2],
    [4, 4]
  ] as const) {
    agree(t, await course({ batch, accumulate }), whole, `${accumulate} of ${batch}`)
  }
  const clipped = { clipNorm: 0.5, labelSmoothing: 0.1, ema: 0.7 }
  const all = await course(clipped)
  agree(t, await course({ ...clipped, batch: 4, accumulate: 4 }), all, 'clipped')
  t.ok(distance(all.weights, whole.weights) > 1e-3)
})

t.test('threads that read ahead bring the same images', async (t) => {
  const images: ImageSet = {
    ...set,
    async load(indices, staging, offset, labels) {
      const bytes = new Uint8Array(indices.length * 32 * 32)
      await set.read(indices, bytes, labels)
      staging.set(bytes, offset)
    }
  }
  const read = await course({ batch: 4, accumulate: 4 })
  const loaded = await course({ batch: 4, accumulate: 4, images })
  t.same(loaded.steps, read.steps)
  t.equal(distance(loaded.weights, read.weights), 0)
})

t.test('on several devices', async (t) => {
  const whole = await course({})
  for (const parallel of ['model', 'data'] as const) {
    const devices = ['cpu:0', 'cpu:1']
    agree(t, await course({ batch: 4, accumulate: 4, devices, parallel }), whole, parallel)
  }
})

t.test('replicas exchange their gradients once a step', async (t) => {
  const four = ['cpu:0', 'cpu:1', 'cpu:2', 'cpu:3']
  for (const [devices, parallel, replicas] of [
    [four.slice(0, 2), 'data', 2],
    [four.slice(0, 3), 'data', 3],
    [four, { replicas: 2 }, 2]
  ] as const) {
    await using opened = await openDevices(devices, { threads: 1 })
    await using net = await plain.build(opened.all, { batch: 6, seed, parallel })
    const { copies, gradients } = await exchangesOf(net, set, 3)
    const [only = 0, first = 0, middle = 0, last = 0] = copies
    // Activations of slices are exchanged in each micro-batch: their number is that of the first.
    const once = 2 * (replicas - 1) * gradients
    t.equal(only - first, once, 'to the one that sums, and back')
    t.strictSame([middle, last], [first, only])
    if (parallel === 'data') t.equal(first, 0)
  }
  const whole = await course({ batch: 48, steps: 3 })
  for (const parallel of ['data', { replicas: 2 }] as const) {
    const devices = parallel === 'data' ? four.slice(0, 3) : four
    const split = await course({ batch: 6, accumulate: 8, devices, parallel, steps: 3 })
    agree(t, split, whole, `replicas ${JSON.stringify(parallel)}`)
  }
})

t.test('replicas skip a step together', async (t) => {
  // One replica alone sees the image whose gradients overflow, in the first micro-batch.
  const options = { batch: 4, accumulate: 4, steps: 6, lossScale: { start: 2 ** 126 }, steep: 64 }
  const devices = ['cpu:0', 'cpu:1']
  const found = await course({ ...options, devices, parallel: 'data' })
  const alone = await course(options)
  const skips = ({ steps }: Found) => steps.map(({ skipped }) => skipped)
  t.same(skips(found), skips(alone))
  t.ok(skips(found).includes(true))
})

t.test('a run that goes on goes on bit for bit, batch norm and all', async (t) => {
  const options = { definition: smallNet(), images: smallSet(22), batch: 4, accumulate: 2 }
  const whole = await course({ ...options, steps: 9 })
  for (const at of [2, 3]) {
    const first = await course({ ...options, steps: at })
    const rest = await course({ ...options, steps: 9, from: first.saved })
    t.same([...first.steps, ...rest.steps], whole.steps)
    t.equal(distance(rest.weights, whole.weights), 0)
  }
})

t.test('a scaled loss', async (t) => {
  const options = { batch: 4, accumulate: 4, epochs: 1 }
  const usual = await course(options)
  const scaled = await course({ ...options, lossScale: { start: 256, interval: 2 } })
  t.same(
    scaled.steps.map(({ loss }) => loss),
    usual.steps.map(({ loss }) => loss)
  )
  t.equal(distance(scaled.weights, usual.weights), 0)
  const skipping = await course({ ...options, steep: 64, lossScale: { start: 2 ** 126 } })
  t.same(
    skipping.steps.map(({ skipped }) => skipped),
    [true, true, true]
  )
  t.equal(distance(skipping.weights, (await course({ ...options, steep: 64, lr: 0 })).weights), 0)
})

t.test('a round whose gradients are not finite names its layer', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await plain.build(device, { batch: 4, seed })
  const broken = new Map(await weights(net))
  broken.get('fc1.weight')?.data.fill(Number.NaN, 0, 1)
  await net.parameters.import(net.stream, broken)
  const failed = run(net, set, { accumulate: 4, steps: 3 })
  await t.rejects(failed, { message: /step 1: .*began in layer 'fc1', forward/ })
  t.same(await weights(net), broken)
})

t.test('what it takes, and what is no number of batches', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await plain.build(device, { batch: 4 })
  await using more = await plain.build(device, { batch: 4, accumulate: 2 })
  const bytes = (of: typeof net) =>
    of.plan.slabs.find(({ name }) => name === 'gradients')?.bytes ?? 0
  t.equal(bytes(more), 2 * bytes(net))
  for (const accumulate of [0, 1.5, Number.NaN]) {
    await t.rejects(
      run(net, set, { accumulate }),
      /accumulate: expected a whole number from 1, got/
    )
  }
})
