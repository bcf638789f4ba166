// The rate as it is changed while a run goes on: from which step on, kept, and made again by a run that goes on.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { cosine } from '../lib/optim/schedule.ts'
import { RunControl } from '../lib/run/control.ts'
import type { TrainSettings } from '../lib/run/settings.ts'
import { toSnapshot } from '../lib/run/snapshot.ts'
import { openTraining } from '../lib/run/training-run.ts'
import { type RateChange, type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { distance, rates, run, seed, sgdRates, weights } from './courses.ts'
import { objects } from './programs.ts'
import { smallNet, smallSet } from './small-net.ts'

/** Trains for 12 steps and saves after each third. */
async function course(options: Partial<TrainOptions>) {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const saved = new Map<number, Snapshot>()
  const steps: { step: number; loss: number; lr: number; rateChange?: RateChange }[] = []
  const checkpoint = {
    every: 3,
    save: (snapshot: Snapshot) => void saved.set(snapshot.state.step, snapshot)
  }
  const all = { ...sgdRates, seed, steps: 12, checkpoint, ...options }
  for await (const { step, loss, lr, rateChange } of train(net, smallSet(20), all)) {
    steps.push({ step, loss, lr, ...(rateChange && { rateChange }) })
  }
  return { steps, saved, weights: await weights(net) }
}

t.test('a rate holds from its step on, and in what is saved', async (t) => {
  const told: RateChange[] = []
  const schedule = cosine()
  const control = {
    wanted: (step: number) => (step < 4 ? undefined : step < 7 ? 0.01 : 0.02),
    onChange: (change: RateChange) => void told.push(change)
  }
  const changes = [
    { step: 5, old: 0.05, lr: 0.01 },
    { step: 8, old: 0.01, lr: 0.02 }
  ]
  const whole = await course({ control, schedule })
  t.strictSame(told, changes)
  t.strictSame(
    whole.steps.flatMap(({ rateChange = [] }) => rateChange),
    changes,
    'each step that begins with another rate says so'
  )
  for (const { step, lr } of whole.steps) {
    const base = step < 5 ? 0.05 : step < 8 ? 0.01 : 0.02
    t.equal(lr, base * schedule({ step: step - 1, epoch: 0, steps: 12 }), 'the schedule goes on')
  }
  t.equal(whole.saved.get(3)?.state.rates, undefined)
  t.strictSame(whole.saved.get(6)?.state.rates, changes.slice(0, 1))
  t.strictSame(whole.saved.get(9)?.state.rates, changes)
  const plain = await course({ schedule })
  t.ok(distance(plain.weights, whole.weights) > 1e-3, 'and it makes a difference')

  for (const at of [3, 6, 9]) {
    const from = whole.saved.get(at)
    const later = { ...(at < 9 && { control }), schedule }
    const gone = await course({ ...later, from })
    t.strictSame(gone.steps, whole.steps.slice(at), `the same after step ${at}`)
    t.equal(distance(gone.weights, whole.weights), 0)
  }
})

t.test('a rate that cannot be', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const failing = run(net, smallSet(8), { control: { wanted: () => -1 } })
  await t.rejects(failing, /lr, as control wants it: expected a number from 0, got -1/)
  const state = { rates: [{ step: 1, old: 0.1, lr: -1 }], step: 2, epoch: 0, position: 8, seed }
  const checkpoint = {
    alexnode: '0',
    folder: 'x',
    step: 2,
    weights: {},
    optimizer: {},
    state: { train: state }
  }
  t.throws(() => toSnapshot(checkpoint), /expected step, old and lr in each of its rates, got \[\{/)
})

/** Resolves when it is so. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(2)
}

t.test('control.json', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'control.json')
  const notes: string[] = []
  const onNote = (text: string) => void notes.push(text)
  const control = await RunControl.open(folder, { onNote, every: 2 })
  t.equal(control.wanted(0), undefined, 'there is none')
  for (const wrong of [
    '{"lr": 0.',
    '{"lr": -1}',
    '{"lr": "0.1"}',
    '[]',
    '',
    '{"lr": 1, "x": 1}',
    '{"lr": 1e300}'
  ]) {
    const before = notes.length
    writeFileSync(path, wrong)
    await until(() => notes.length > before)
    t.ok(notes.at(-1)?.startsWith(`${path}: expected {"lr": 0.001}, a number from 0 and `))
    t.ok(notes.at(-1)?.endsWith(`got ${wrong || 'an empty file'}; the rate stays as it is`))
    t.equal(control.wanted(3), undefined)
  }
  writeFileSync(path, ' '.repeat(5000))
  await until(() => /got 5000 bytes/.test(notes.at(-1) ?? ''))
  t.match(notes.at(-1), /got 5000 bytes/)
  writeFileSync(path, '{"lr": 0.25}')
  await until(() => control?.wanted(3) === 0.25)
  await control.onChange({ step: 4, old: 1, lr: 0.25 })
  rmSync(path)
  t.equal(control.wanted(4), 0.25, 'it holds when the file is gone')
  writeFileSync(path, '{ "lr": 2e-3 }\n')
  await until(() => control?.wanted(8) === 0.002)
  await control.onChange({ step: 9, old: 0.25, lr: 0.002 })
  await control.close()
  t.equal(notes.length, 8, 'nothing is told twice')

  t.test('what was taken of it is taken again at its steps', async (t) => {
    await using again = await openAgain()
    t.strictSame(
      [2, 3, 7, 8].map((step) => again.control.wanted(step)),
      [undefined, 0.25, 0.25, 0.002]
    )
    await again.control.onChange({ step: 4, old: 1, lr: 0.25 })
    t.equal(again.control.wanted(8), 0.002, 'it is known')
  })

  t.test('what it says anew goes before', async (t) => {
    writeFileSync(path, '{"lr": 0.5}')
    await using again = await openAgain()
    t.equal(again.control.wanted(2), 0.5)
    await again.control.onChange({ step: 3, old: 1, lr: 0.5 })
    t.equal(again.control.wanted(8), 0.5, 'what came later does not come')
    const kept: unknown = JSON.parse(readFileSync(join(folder, 'rates.json'), 'utf8'))
    t.strictSame(kept, [{ step: 3, old: 1, lr: 0.5 }])
  })

  t.test('rates.json that is damaged', async (t) => {
    writeFileSync(join(folder, 'rates.json'), '[{"step": 1}]')
    await using again = await openAgain()
    t.equal(again.control.wanted(9), 0.5, 'control.json still counts')
    t.match(notes.at(-1), /rates\.json: expected step, old and lr in each .* are not made again/)
    t.match(notes.at(-1), `it is now ${join(folder, 'rates.json.damaged')}`)
    await again.control.onChange({ step: 3, old: 1, lr: 0.5 })
    t.equal(readFileSync(join(folder, 'rates.json.damaged'), 'utf8'), '[{"step": 1}]', 'it is kept')
  })

  async function openAgain() {
    const control = await RunControl.open(folder, { onNote, every: 2 })
    return { control, [Symbol.asyncDispose]: () => control.close() }
  }
})

t.test('a pipe as control.json does not stop the run', { timeout: 20_000 }, async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'control.json')
  execFileSync('mkfifo', [path])
  const notes: string[] = []
  const control = await RunControl.open(folder, { onNote: (text) => notes.push(text), every: 2 })
  await sleep(20)
  t.strictSame(notes, [
    `[control] cannot read ${path}: it is a pipe or a device, not a file (ENXIO); remove it or ` +
      'choose another path'
  ])
  rmSync(path)
  writeFileSync(path, '{"lr": 0.25}')
  await until(() => control?.wanted(3) === 0.25)
  await control.close()
})

t.test('a run that is kept, killed and gone on with', async (t) => {
  const out = join(t.testdir(), 'run')
  const settings: TrainSettings = {
    net: 'small',
    batch: 4,
    steps: 12,
    seed,
    dtype: 'f32',
    schedule: 'constant',
    optimizer: 'sgd',
    beta2: 0.999,
    ...rates
  }
  const log = (folder: string) =>
    objects(readFileSync(join(folder, 'log.jsonl'), 'utf8')).map(
      ({ images_per_s, ...rest }) => rest
    )
  /** What is done after some steps; the loop is left after the last of them, as a process is killed. */
  async function go(folder: string, resume: boolean, after: ReadonlyMap<number, () => unknown>) {
    await using device = await open('cpu', { threads: 1 })
    await using run = await openTraining({ out: folder, resume, settings, defaults: settings })
    await using net = await smallNet().build(device, { batch: 4, seed })
    const { from, control } = run
    const checkpoint = { every: 5, save: run.save }
    for await (const step of train(net, smallSet(20), {
      ...sgdRates,
      steps: 12,
      seed,
      from,
      control,
      checkpoint
    })) {
      await run.log(step)
      await after.get(step.step)?.()
      if (step.step === Math.max(...after.keys())) return undefined
      // The step after it is under way: the one after that is the first with the new rate.
      if (after.has(step.step)) await until(() => control?.wanted(step.step + 1) === 0.01)
    }
    return await weights(net)
  }
  const change = () => writeFileSync(join(out, 'control.json'), '{"lr": 0.01}')
  await go(
    out,
    false,
    new Map([
      [6, change],
      [10, () => {}]
    ])
  )
  const changed = { step: 8, lr_old: 0.05, lr_new: 0.01 }
  t.strictSame(log(out)[7], changed, 'before the line of its step')
  const gone = await go(out, true, new Map())
  t.strictSame(log(out)[7], changed, 'and again in the log of the run that goes on')

  const control = { wanted: (step: number) => (step < 7 ? undefined : 0.01) }
  const whole = await course({ control })
  t.equal(gone && distance(gone, whole.weights), 0, 'the same numbers as those of a run not killed')
  const losses = log(out).flatMap(({ loss = [] }) => loss)
  t.strictSame(
    losses,
    whole.steps.map(({ loss }) => loss)
  )
})
