// The scale of f16's gradients: as a value, and in the loop, where f32 shows every bit of it.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { Net } from '../lib/net/net.ts'
import { adam, sgd } from '../lib/optim/optimizer.ts'
import { LossScale, type ScaledOutcome } from '../lib/training/loop/loss-scale.ts'
import { type Snapshot, type Step, type TrainOptions, train } from '../lib/training/train.ts'
import { smallNet, smallSet } from './small-net.ts'

/** A device with two steps under way at most, whose gradients overflow above `most` at a step. */
class Pipeline {
  scaling: LossScale
  readonly log: [scale: number, outcome: ScaledOutcome][] = []
  readonly most: (step: number) => number
  #open = true
  #sent = 0
  readonly #flying: { scale: number; finite: boolean }[] = []

  constructor(scaling: LossScale, most: (step: number) => number) {
    this.scaling = scaling
    this.most = most
  }

  send(): void {
    const { scale, reopen } = this.scaling.send()
    if (reopen) this.#open = true
    if (scale > this.most(this.#sent++)) this.#open = false
    this.#flying.push({ scale, finite: this.#open })
  }

  arrive(): void {
    const step = this.#flying.shift()
    if (step) this.log.push([step.scale, this.scaling.arrive(step.finite)])
  }

  /** Steps as the loop makes them; at `pauses` all that is under way is waited for. */
  run(steps: number, pauses: readonly number[] = []): void {
    const end = this.#sent + steps
    while (this.#sent < end) {
      while (this.#flying.length === 2 || (this.#flying.length && pauses.includes(this.#sent)))
        this.arrive()
      this.send()
    }
    while (this.#flying.length) this.arrive()
  }

  /** As from a checkpoint: the flag is what the scale says it was. */
  resume(): void {
    this.scaling = new LossScale({ interval: 4 }, JSON.parse(JSON.stringify(this.scaling.state)))
    this.#open = !this.scaling.cleared
  }
}

t.test('an overflow halves the scale, and costs the step behind it', async (t) => {
  const pipeline = new Pipeline(new LossScale(), () => 20_000)
  pipeline.run(7)
  t.same(pipeline.log, [
    [65536, 'overflow'],
    [65536, 'skipped'],
    [32768, 'overflow'],
    [32768, 'skipped'],
    [16384, 'good'],
    [16384, 'good'],
    [16384, 'good']
  ])
  t.equal(pipeline.scaling.state.skipped, 4)
  t.notOk(pipeline.scaling.cleared)
})

t.test('good steps in a row double it', async (t) => {
  const pipeline = new Pipeline(new LossScale({ start: 1024, interval: 4 }), (step) =>
    step === 2 ? 1 : 1e9
  )
  pipeline.run(16)
  t.same(
    pipeline.log.map(([scale]) => scale),
    // Two good, one overflows, one is skipped; then four good ones, heeded by the second step after.
    [1024, 1024, 1024, 1024, 512, 512, 512, 512, 512, 1024, 1024, 1024, 1024, 2048, 2048, 2048]
  )
  const usual = new Pipeline(new LossScale(), () => 1e9)
  usual.run(2001)
  t.equal(usual.log.at(-1)?.[0], 65536)
  usual.run(1)
  t.equal(usual.log.at(-1)?.[0], 131072, 'after 2,000 good steps')
  const most = new Pipeline(new LossScale({ start: 2 ** 23, interval: 1 }), () => 1e9)
  most.run(9)
  t.equal(most.log.at(-1)?.[0], 2 ** 24)
})

t.test('it does not matter where a run pauses, is saved or goes on', async (t) => {
  const most = (step: number) => [4096, 4096, 300, 9000, 2000][step % 5] ?? 0
  const whole = new Pipeline(new LossScale({ interval: 4 }), most)
  whole.run(40)
  t.ok(whole.log.some(([, outcome]) => outcome === 'good'))
  t.ok(new Set(whole.log.map(([scale]) => scale)).size > 5)
  for (let at = 1; at < 40; at++) {
    const paused = new Pipeline(new LossScale({ interval: 4 }), most)
    paused.run(40, [at, at + 3])
    t.same(paused.log, whole.log, `pauses before ${at}`)
    const resumed = new Pipeline(new LossScale({ interval: 4 }), most)
    resumed.run(at)
    resumed.resume()
    resumed.run(40 - at)
    t.same(resumed.log, whole.log, `goes on at ${at}`)
    t.same(resumed.scaling.state, whole.scaling.state)
  }
})

t.test('what it refuses', async (t) => {
  for (const start of [0, 0.5, Number.NaN, 2 ** 127]) {
    t.throws(() => new LossScale({ start }), /lossScale\.start: expected a number from 1/)
  }
  t.throws(() => new LossScale({ interval: 1.5 }), /interval: expected a whole number from 1/)
  const scaling = new LossScale()
  scaling.send()
  scaling.send()
  t.throws(() => scaling.send(), /two steps at most/)
})

t.test('the gradient factor undoes it', async (t) => {
  const scalars = { lr: 0.1, decay: 0, step: 0 }
  t.equal(sgd().hyper({ ...scalars, factor: 2 ** -16 })[3], 2 ** -16)
  t.equal(adam().hyper({ ...scalars, factor: 2 ** -16 })[5], 2 ** -16)
  t.equal(sgd().hyper(scalars)[3], 1)
})

const weights = async ({ parameters, stream }: Net) =>
  [...(await parameters.export(stream))].map(([name, { data }]) => [name, [...data]])

/** Trains the small net in f32: 40 images in batches of 4, with a last one of 3. */
async function run(options: Partial<TrainOptions>, steep = 1) {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed: 7 })
  if (steep !== 1) {
    const start = new Map(await net.parameters.export(net.stream))
    const last = start.get('fc3.weight')
    if (last) start.set('fc3.weight', { ...last, data: last.data.map((value) => value * steep) })
    await net.parameters.import(net.stream, start)
  }
  const steps: Step[] = []
  const set = smallSet(39)
  const rates = { lr: 0.05, momentum: 0.9, weightDecay: 1e-3, seed: 7 }
  for await (const step of train(net, set, { ...rates, ...options })) steps.push(step)
  return { steps, weights: await weights(net) }
}

t.test('a power of two leaves every bit of a run in f32 as it is', async (t) => {
  const plain = await run({ steps: 12 })
  t.ok(plain.steps.every(({ lossScale, skipped }) => lossScale === undefined && !skipped))
  const scaled = await run({ steps: 12, lossScale: { start: 256, interval: 5 } })
  t.same(
    scaled.steps.map(({ loss }) => loss),
    plain.steps.map(({ loss }) => loss)
  )
  t.same(scaled.weights, plain.weights)
  t.match(scaled.steps.at(0), { lossScale: 256, skipped: false })
  t.match(scaled.steps.at(-1), { lossScale: 1024, skipped: false })
})

t.test('steps that overflow are skipped, and the run goes on bit for bit', async (t) => {
  // Gradients of f32 overflow then, until the scale has been halved a few times.
  const lossScale = { start: 2 ** 126, interval: 3 }
  let saved: Snapshot | undefined
  const whole = await run({ steps: 30, lossScale }, 64)
  const skipped = whole.steps.filter(({ skipped }) => skipped)
  t.ok(skipped.length >= 2, `${skipped.length} steps were skipped`)
  t.match(whole.steps[0], { lossScale: 2 ** 126, skipped: true })
  t.match(whole.steps[1], { lossScale: 2 ** 126, skipped: true })
  t.match(whole.steps[2], { lossScale: 2 ** 125 })
  t.ok(whole.steps.some(({ skipped }) => !skipped))
  t.ok(whole.steps.every(({ loss }) => Number.isFinite(loss)))
  for (const at of [1, 2, 3, 11, 14]) {
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const first = await run({ steps: at, lossScale, checkpoint: { save } }, 64)
    t.same(first.steps, whole.steps.slice(0, at).map(pace(first.steps)))
    if (!saved) throw new Error('nothing was saved')
    const rest = await run({ steps: 30, lossScale, from: saved }, 64)
    t.same(
      rest.steps.map(({ loss, lossScale, skipped }) => ({ loss, lossScale, skipped })),
      whole.steps.slice(at).map(({ loss, lossScale, skipped }) => ({ loss, lossScale, skipped }))
    )
    t.same(rest.weights, whole.weights, `goes on after ${at}`)
  }
  const often = await run({ steps: 30, lossScale, checkpoint: { every: 1, save: () => {} } }, 64)
  t.same(often.weights, whole.weights, 'checkpoints change nothing')
})

/** Takes what hangs on the clock, and on how long the run is, from another run's steps. */
const pace = (other: readonly Step[]) => (step: Step, i: number) => {
  const { imagesPerSecond = 0, waited = 0, steps = 0 } = other[i] ?? {}
  return { ...step, imagesPerSecond, waited, steps }
}

/** Steps of a net with a weight that is no number, and the error that ends it. */
async function spoilt(start: number) {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed: 7 })
  const weights = new Map(await net.parameters.export(net.stream))
  const right = weights.get('right.weight')
  if (!right) throw new Error('no such weights')
  weights.set('right.weight', { ...right, data: right.data.fill(Number.NaN, 0, 1) })
  await net.parameters.import(net.stream, weights)
  const steps: Step[] = []
  const options = { steps: 40, lr: 0.1, lossScale: { start } }
  let error: unknown
  try {
    for await (const step of train(net, smallSet(39), options)) steps.push(step)
  } catch (thrown) {
    error = thrown
  }
  return { error, scales: steps.map(({ lossScale }) => lossScale) }
}

t.test('from a scale of 1 it is an error that names the layer', async (t) => {
  const four = await spoilt(4)
  t.match(four.error, {
    name: 'NonFiniteError',
    message: /^\[train\] step 5: .*not finite.*began in layer 'right', forward.*scale of 1\./
  })
  t.same(four.scales, [4, 4, 2, 2])
  // Halved, it never is 1.
  const thousand = await spoilt(1000)
  t.match(thousand.error, {
    name: 'NonFiniteError',
    message: /^\[train\] step 21: .*scale of 0\.9765625\. .*The weights/
  })
  t.same(thousand.scales.slice(-2), [1.953125, 1.953125])
})
