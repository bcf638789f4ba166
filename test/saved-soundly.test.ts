// Only finite weights are saved, and an error of a function that was given loses no step that was made.
import t, { type Test } from 'tap'
import { open } from '../lib/engine/device.ts'
import type { Net } from '../lib/net/net.ts'
import { adam, type Optimizer, sgd } from '../lib/optim/optimizer.ts'
import { NonFiniteError, type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { smallNet, smallSet } from './small-net.ts'

const set = smallSet(32)

async function build(t: Test, dtype: 'f32' | 'bf16' = 'f32'): Promise<Net> {
  const device = await open('cpu', { threads: 1 })
  t.teardown(() => device.close())
  return smallNet().build(device, { batch: 8, seed: 3, dtype })
}

/** How a run ends: the steps it yields, what it saves, and its error. */
async function ended(net: Net, options: Partial<TrainOptions>, every?: number) {
  const steps: number[] = []
  const saved: Snapshot[] = []
  const checkpoint = { every, save: (snapshot: Snapshot) => void saved.push(snapshot) }
  let error: unknown
  try {
    for await (const { step } of train(net, set, { lr: 0.01, steps: 12, checkpoint, ...options }))
      steps.push(step)
  } catch (thrown) {
    error = thrown
  }
  return { steps, saved: saved.map(({ state }) => state.step), last: saved.at(-1), error }
}

/** For a rate of 1: one that overflows the weights at one step. */
const bursting = (step: number) => (at: { readonly step: number }) =>
  at.step === step - 1 ? 3.3e38 : 1e-3

const message = (error: unknown) => (error instanceof Error ? error.message : String(error))

t.test('an update that overflows is not saved', async (t) => {
  const options = { lr: 1, optimizer: adam(), schedule: bursting(6), steps: 6 }
  const { steps, saved, last, error } = await ended(await build(t), options, 5)
  t.same(steps, [1, 2, 3, 4, 5, 6], 'all steps are yielded')
  t.same(saved, [5], 'the checkpoint before is the last one')
  for (const { data } of last?.weights.values() ?? []) t.ok(data.every(Number.isFinite))
  t.type(error, NonFiniteError)
  t.match(message(error), /^\[train\] step 6: expected weights that are finite/)
  t.match(message(error), /after its update \S+ has a value of (-?Infinity|NaN)\. .*smaller lr/)
  t.ok(error instanceof NonFiniteError && error.layer !== undefined, 'it names the layer')
})

t.test('without checkpoints, the last step is looked at, too', async (t) => {
  const options = { lr: 1, optimizer: adam(), schedule: bursting(3), steps: 3 }
  const net = await build(t)
  await t.rejects(async () => {
    for await (const _ of train(net, set, options));
  }, /step 3: expected weights that are finite/)
})

t.test('the step after it says what it began with', async (t) => {
  const options = { lr: 1, optimizer: adam(), schedule: bursting(3), steps: 5 }
  const { error } = await ended(await build(t), options)
  t.match(message(error), /step 4: .*Already before it, \S+ has a value of \S+\. /)
})

t.test("an optimizer's state that overflows is found, too", async (t) => {
  // g² of gradients of 1e20 and more is not finite in f32: Adam would leave these weights as they are for ever.
  const usual = adam()
  const large: Optimizer = {
    ...usual,
    hyper: (scalars) => usual.hyper({ ...scalars, factor: 1e25 })
  }
  const { saved, error } = await ended(await build(t), { optimizer: large, steps: 1 })
  t.same(saved, [])
  t.match(message(error), /step 1: .* after its update the optimizer's v of \S+ has a value of/)
})

t.test('rates that are finite alone, and not together', async (t) => {
  const courses = () => ({ rate: () => 1e20 })
  const first = await ended(await build(t), { lr: 1e30, courses })
  t.type(first.error, RangeError)
  t.match(
    message(first.error),
    /rate of \S+: expected a number from 0 at step 1, got 1e\+50, which is Infinity in f32; .*those of step 0$/
  )
  const decay = sgd({ weightDecay: 1e30 })
  const second = await ended(await build(t), {
    optimizer: decay,
    courses: () => ({ decay: () => 1e20 })
  })
  t.match(message(second.error), /weight decay of \S+: expected .* Infinity in f32/)
})

for (const [what, options, named] of [
  ['schedule', { schedule: nanAt(8) }, /schedule: expected a factor from 0 at step 8, got NaN/],
  ['course', { courses: () => ({ rate: nanAt(8) }) }, /courses, rate: .* at step 8, got NaN/],
  ['control', { control: { wanted: (step: number) => (step === 7 ? -1 : undefined) } }, /control/],
  ['clipped and averaged', { schedule: nanAt(8), clipNorm: 1, ema: 0.9 }, /at step 8/]
] as const) {
  t.test(`a ${what} that fails at step 8`, async (t) => {
    const device = await open('cpu', { threads: 1 })
    t.teardown(() => device.close())
    const build = () => smallNet().build(device, { batch: 8, seed: 3 })
    const net = await build()
    const { steps, saved, last, error } = await ended(net, options, 5)
    t.same(steps, [1, 2, 3, 4, 5, 6, 7], 'the steps before are yielded')
    t.same(saved, [5, 7], 'and saved')
    t.type(error, RangeError)
    t.match(message(error), named)
    // What was saved goes on as a run that never failed.
    const {
      schedule: _,
      courses: __,
      control: ___,
      ...rest
    } = { schedule: 0, courses: 0, control: 0, ...options }
    const whole = await ended(await build(), rest)
    const resumed = await ended(await build(), { ...rest, from: last })
    t.equal(whole.last?.state.step, 12)
    t.same(resumed.last, whole.last, 'resumed, it gives the same bits')
  })
}

function nanAt(step: number) {
  return (at: { readonly step: number }) => (at.step === step - 1 ? Number.NaN : 1)
}

t.test('other functions that fail', async (t) => {
  const fails = (): never => {
    throw new TypeError('of the caller')
  }
  const tries: Record<string, Partial<TrainOptions>> = {
    steps: { steps: () => Number.NaN, epochs: 10 },
    validation: { validation: { set, every: 3, onResult: fails } },
    timeline: { onTimeline: fails },
    watch: { watch: { every: 2, onDiagnosis: fails }, lr: 1e4 }
  }
  const ends: Record<string, unknown> = {}
  for (const [name, options] of Object.entries(tries)) {
    const { steps, saved, error } = await ended(await build(t), options)
    ends[name] = [steps.at(-1), saved, message(error).slice(0, 40)]
    t.equal(saved.at(-1), steps.at(-1), `${name}: what was yielded is saved`)
  }
  t.comment(JSON.stringify(ends))
  t.match(ends.validation, [3, [3], 'of the caller'])
  // The tenth step is timed; the one after it is queued by then.
  t.match(ends.timeline, [11, [11], 'of the caller'])
})

t.test('saving that fails is not tried again', async (t) => {
  let calls = 0
  const save = () => {
    calls++
    throw new Error('the disk is full')
  }
  const { error } = await ended(await build(t), { checkpoint: { every: 4, save } })
  t.equal(message(error), 'the disk is full')
  t.equal(calls, 1)
})

t.test('images that cannot be read', async (t) => {
  let reads = 0
  const failing = {
    ...set,
    read(indices: Uint32Array, images: Uint8Array, labels: Int32Array) {
      if (++reads === 5) throw new Error('the camera is gone')
      return set.read(indices, images, labels)
    }
  }
  const net = await build(t)
  const saved: number[] = []
  const checkpoint = { save: ({ state }: Snapshot) => void saved.push(state.step) }
  const steps: number[] = []
  await t.rejects(async () => {
    for await (const { step } of train(net, failing, { lr: 0.01, steps: 12, checkpoint }))
      steps.push(step)
  }, new Error('the camera is gone'))
  t.same(steps, [1, 2, 3, 4])
  t.same(saved, [4])
})
