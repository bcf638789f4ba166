/** Exact arithmetic of steps, rates that are none, the weights of the step that was yielded, and runs that clash. */
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { step as drops, type Schedule } from '../lib/optim/schedule.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { wholeAbove, wholeBelow } from '../lib/util/near-whole.ts'
import { distance, seed, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

/** The number of steps of a run. */
async function stepsOf(length: number, epochs: number): Promise<number> {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 1 })
  const run = train(net, smallSet(length), { lr: 0, epochs })
  for await (const { steps } of run) return steps
  return 0
}

t.test('a fraction of an epoch is so many steps', async (t) => {
  for (let perEpoch = 1; perEpoch <= 1000; perEpoch++) {
    for (let steps = 1; steps <= perEpoch; steps += 7) {
      const off = wholeAbove((steps / perEpoch) * perEpoch) !== steps
      if (off) t.fail(`${steps} of ${perEpoch}`)
    }
  }
  t.equal(wholeAbove(0.07 * 100), 7, 'not 8')
  t.equal(wholeAbove((0.1 + 0.2) * 10), 3, 'not 4')
  t.equal(wholeAbove(7.001), 8)
  t.equal(wholeBelow(0.3 / 0.1), 3, 'not 2')
  t.equal(wholeBelow(2.999), 2)
  t.equal(await stepsOf(100, 0.07), 7)
})

t.test('drops fall on their steps', async (t) => {
  for (const every of [0.1, 0.2, 0.3, 0.7]) {
    const schedule = drops({ every, factor: 0.5 })
    const changes: number[] = []
    for (let step = 1; step <= 210; step++) {
      const [now, before] = [step, step - 1].map((at) =>
        schedule({ step: at, epoch: at / 10, steps: 210 })
      )
      if (now !== before) changes.push(step)
    }
    const apart = Math.round(every * 10)
    const wanted = Array.from({ length: Math.floor(210 / apart) }, (_, i) => (i + 1) * apart)
    t.same(changes, wanted, `every ${every}`)
  }
  const at = drops({ at: [0, 0.1 + 0.2, 0.7], factor: 0.5 })
  const factors = [0, 2, 3, 6, 7].map((step) => at({ step, epoch: step / 10, steps: 10 }))
  t.same(factors, [0.5, 0.5, 0.25, 0.25, 0.125])
})

t.test('a rate that is none ends the run before its step', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const set = smallSet(40)
  await using same = await smallNet().build(device, { batch: 4, seed })
  for await (const _ of train(same, set, { ...sgdRates, seed, steps: 3 }));
  const wanted = await weights(same)
  await using begin = await smallNet().build(device, { batch: 4, seed })
  const start = await weights(begin)
  for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY, 1e39]) {
    const schedule: Schedule = ({ step }) => (step === 3 ? bad : 1)
    const said = `expected a factor from 0 at step 4, got ${bad}; the step was not made: the weights are those of step 3`
    const cases: readonly [string, Partial<TrainOptions>][] = [
      ['schedule', { schedule }],
      ['courses, rate', { courses: () => ({ rate: schedule }) }],
      ['courses, decay', { courses: () => ({ decay: schedule }) }]
    ]
    for (const [name, options] of cases) {
      await net.parameters.import(net.stream, start)
      const run = async () => {
        for await (const _ of train(net, set, { ...sgdRates, seed, steps: 6, ...options }));
      }
      await t.rejects(run(), { message: `[train] ${name}: ${said}` })
      t.equal(distance(await weights(net), wanted), 0, 'and they are')
    }
  }
})

t.test('in the loop the net is that of the step, and it is left so', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const set = smallSet(40)
  const held = smallSet(8)
  const saved: Snapshot[] = []
  const exact: number[] = []
  {
    await using net = await smallNet().build(device, { batch: 4, seed })
    const checkpoint = { every: 1, save: (snapshot: Snapshot) => void saved.push(snapshot) }
    const options = { ...sgdRates, seed, steps: 12, checkpoint }
    for await (const _ of train(net, set, options));
  }
  for (const accumulate of [1, 2]) {
    const batch = 4 / accumulate
    await using net = await smallNet().build(device, { batch, seed })
    const seen: number[] = []
    for await (const { step } of train(net, set, { ...sgdRates, seed, accumulate, steps: 12 })) {
      const { loss } = await evaluate(net, held)
      seen.push(loss)
      const now = await weights(net)
      const off = accumulate === 1 ? distance(now, saved[step - 1]?.weights ?? new Map()) : 0
      if (off !== 0) t.fail(`off by ${off} after step ${step}`)
      // A long body: the device has all the time to run ahead.
      await new Promise((done) => setTimeout(done, 20))
      const later = distance(await weights(net), now)
      if (later !== 0) t.fail(`changed by ${later} in the body of step ${step}`)
      if (step === 9) break
    }
    t.equal(seen.length, 9)
    if (accumulate === 1) {
      t.equal(distance(await weights(net), saved[8]?.weights ?? new Map()), 0, 'left at step 9')
      exact.push(...seen)
    }
  }
  t.ok(new Set(exact).size > 5, 'and they change from step to step')
})

t.test('two runs on one net', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  await using other = await net.at({ batch: 2 })
  const set = smallSet(16)
  const options = { ...sgdRates, seed, steps: 2 }
  const first = train(net, set, options)
  await first.next()
  const clash = /net: expected one that is not in training, got one that another train\(\) trains/
  await t.rejects(train(net, set, options).next(), clash)
  await t.rejects(train(other, set, options).next(), clash, 'they share the weights')
  await first.return(undefined)
  const losses: number[] = []
  for await (const { loss } of train(net, set, options)) losses.push(loss)
  t.equal(losses.length, 2, 'one after the other they go')
  await t.rejects(train(net, set, { ...options, lr: -1 }).next(), /lr/)
  t.equal((await train(net, set, options).next()).done, false, 'a refused one leaves it free')
})

t.test('a snapshot of another set', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const saved: Snapshot[] = []
  const checkpoint = { save: (snapshot: Snapshot) => void saved.push(snapshot) }
  for await (const _ of train(net, smallSet(40), { ...sgdRates, steps: 8, checkpoint }));
  const [from] = saved
  if (!from) return t.fail('nothing was saved')
  const resume = (length: number, snapshot: Snapshot) =>
    train(net, smallSet(length), { ...sgdRates, steps: 12, from: snapshot }).next()
  const message = (before: string) =>
    new RegExp(
      `from: expected .* of 16 images, got one of a set of ${before}: resume with the same`
    )
  await t.rejects(resume(16, from), { message: message('40 images') })
  const { images: _, ...old } = from.state
  await t.rejects(resume(16, { ...from, state: old }), { message: message('more than 32 images') })
  t.equal((await resume(40, { ...from, state: old })).value.step, 9, 'of an earlier version')
})
