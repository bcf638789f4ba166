// Looking at a run while it goes on: what is found, what follows from it, and that going on later is the same.
import t from 'tap'
import { holdOut } from '../lib/data/hold-out.ts'
import { open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/index.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { plateau } from '../lib/optim/schedule.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type Snapshot, type TrainOptions, train, type Validation } from '../lib/training/train.ts'
import { distance, seed, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

const plain = defineNet({
  name: 'plain',
  input: { channels: 1, height: 28, width: 28 },
  layers: [flatten(), dense({ name: 'fc', units: 10 })]
})

interface Course extends Partial<Omit<TrainOptions, 'validation'>> {
  readonly every?: number
  readonly patience?: number
  /** Interrupts the validation after this step. */
  readonly interrupt?: number
  /** Interrupts the run after this step. */
  readonly stop?: number
}

/** Trains on 20 images in batches of 4, validated on 12 others. */
async function course(course: Course, definition = smallNet()) {
  const { every, patience, interrupt = Number.NaN, stop, ...options } = course
  await using device = await open('cpu', { threads: 1 })
  await using net = await definition.build(device, { batch: 4, seed })
  const { rest, held } = holdOut(smallSet(32), 12, 1)
  const abort = new AbortController()
  const validations: Validation[] = []
  const steps: { step: number; loss: number; lr: number }[] = []
  const saved = new Map<number, Snapshot>()
  const all = train(net, rest, {
    ...sgdRates,
    seed,
    signal: abort.signal,
    ...options,
    validation: {
      set: held,
      every,
      patience,
      onResult: (validation) => void validations.push(validation),
      onProgress: () => {
        if (steps.at(-1)?.step === interrupt) abort.abort()
      }
    },
    checkpoint: {
      ...options.checkpoint,
      save: (snapshot) => void saved.set(snapshot.state.step, snapshot)
    }
  })
  for await (const { step, loss, lr } of all) {
    steps.push({ step, loss, lr })
    if (step === stop) abort.abort()
  }
  const evaluated = await evaluate(net, held)
  return { steps, validations, saved, evaluated, weights: await weights(net) }
}

const told = (validations: readonly Validation[]) =>
  validations.map(({ imagesPerSecond, ...rest }) => rest)

t.test('at the end of each epoch, and of the run', async (t) => {
  const { validations, evaluated, saved } = await course({ steps: 12 })
  t.same(
    validations.map(({ step }) => step),
    [5, 10, 12]
  )
  const { loss, top1, top5, images } = evaluated
  t.match(validations.at(-1), { loss, top1, top5, images }, 'as evaluate finds it')
  const best = validations.filter(({ best }) => best).map(({ step }) => step)
  t.equal(best[0], 5, 'the first is the best so far')
  t.same([...saved.keys()], [...new Set([...best, 12])], 'the best are saved, and the last')
  const errors = validations.map(({ top1, loss }) => [1 - top1, loss] as const)
  const [least] = errors.toSorted(([a, c], [b, d]) => a - b || c - d)
  const state = saved.get(12)?.state.validation?.best
  t.same([state?.error, state?.loss], least)
})

t.test('the rate drops, and the run ends, when nothing gets better', async (t) => {
  const still = { every: 2, lr: 1e-12, optimizer: sgd(), steps: 20 }
  const schedule = () => plateau({ patience: 2, factor: 0.5 })
  const { steps, validations } = await course({ ...still, schedule: schedule() }, plain)
  t.same(
    validations.slice(0, 5).map(({ factor }) => factor),
    [1, 1, 0.5, 0.5, 0.25]
  )
  t.same(
    steps.slice(0, 10).map(({ lr }) => lr * 1e12),
    [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
  )
  const ended = await course({ ...still, lr: 0, patience: 3 }, plain)
  t.same(
    ended.validations.map(({ step, best, stops }) => [step, best, stops]),
    [
      [2, true, false],
      [4, false, false],
      [6, false, false],
      [8, false, true]
    ]
  )
  t.equal(ended.steps.length, 8)
  const from = ended.saved.get(8)
  t.equal((await course({ ...still, lr: 0, patience: 3, from }, plain)).steps.length, 0)
})

t.test('a run that is interrupted goes on bit for bit', async (t) => {
  const schedule = () => plateau({ patience: 1, factor: 0.5 })
  const whole = await course({ every: 3, steps: 18, schedule: schedule() })
  t.ok(
    whole.validations.some(({ factor = 1 }) => factor < 1),
    'the rate has dropped'
  )
  for (const at of [4, 6, 9, 11]) {
    const first = await course({ every: 3, steps: 18, schedule: schedule(), stop: at })
    const done = first.steps.length
    const from = first.saved.get(done)
    if (!from) throw new Error('nothing was saved')
    const text: Snapshot['state'] = JSON.parse(JSON.stringify(from.state))
    const rest = await course({
      every: 3,
      steps: 18,
      schedule: schedule(),
      from: { ...from, state: text }
    })
    t.same(rest.steps, whole.steps.slice(done))
    const later = whole.validations.filter(({ step }) => step > (from.state.validation?.step ?? 0))
    t.same(told(rest.validations), told(later))
    t.equal(distance(rest.weights, whole.weights), 0, `goes on after ${done}`)
  }

  const stopped = await course({ every: 3, steps: 18, schedule: schedule(), interrupt: 6 })
  t.same(
    stopped.validations.map(({ step }) => step),
    [3],
    'the one that was interrupted is not told of'
  )
  t.equal(stopped.steps.length, 6)
  const from = stopped.saved.get(6)
  const rest = await course({ every: 3, steps: 18, schedule: schedule(), from })
  t.same(told(rest.validations), told(whole.validations.slice(1)), 'and is made up for')
  t.equal(distance(rest.weights, whole.weights), 0)
})

t.test('a plateau that has seen nothing yet is saved, too', async (t) => {
  // The validation at the end of a run is none that the rate heeds.
  const { saved } = await course({ every: 10, steps: 3, schedule: plateau() })
  const state = saved.get(3)?.state
  t.strictSame(state?.validation?.plateau, { factor: 1, waited: 0 })
  t.strictSame(JSON.parse(JSON.stringify(state)), state)
})

t.test('options that do not suit', async (t) => {
  await t.rejects(course({ every: 0 }), /validation.every: expected a whole number from 1, got 0/)
  await t.rejects(course({ patience: 0 }), /validation.patience: expected a whole number from 1/)
  await using device = await open('cpu', { threads: 1 })
  await using net = await plain.build(device, { batch: 4 })
  const blind = train(net, smallSet(8), { lr: 0.1, schedule: plateau() })
  await t.rejects(blind.next(), /the schedule plateau expected a validation/)
})

t.test('images that are held out are not trained on', async (t) => {
  const set = smallSet(10)
  const { rest, held } = holdOut(set, 3, 4)
  const bytes = async (from: typeof set) => {
    const images = new Uint8Array(from.length * 28 * 28)
    const labels = new Int32Array(from.length)
    await from.read(Uint32Array.from(labels.keys()), images, labels)
    return Array.from(labels, (label, i) =>
      [label, ...images.subarray(i * 784, (i + 1) * 784)].join(' ')
    )
  }
  t.same([rest.length, held.length], [7, 3])
  const parts = [...(await bytes(rest)), ...(await bytes(held))]
  t.same(parts.toSorted(), (await bytes(set)).toSorted(), 'together they are the set')
  t.throws(() => rest.read(Uint32Array.of(7), new Uint8Array(784), new Int32Array(1)), RangeError)
  for (const count of [0, 10, 1.5]) {
    t.throws(() => holdOut(set, count, 1), /count: expected a whole number from 1 to 9, got/)
  }
})
