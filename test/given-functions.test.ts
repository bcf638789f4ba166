// What functions of the caller give is checked where it comes in, and the error names it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { open } from '../lib/engine/device.ts'
import { type Optimizer, sgd } from '../lib/optim/optimizer.ts'
import { keepRunData } from '../lib/run/data.ts'
import { openRun } from '../lib/run/folder.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { writeIndex } from '../lib/use/feature-index.ts'
import { readRun } from '../lib/use/run-facts.ts'
import { smallNet, smallSet } from './small-net.ts'

const device = await open('cpu', { threads: 1 })
const net = await smallNet().build(device, { batch: 8, seed: 3 })
const set = smallSet(32)
t.teardown(() => device.close())

/** As plain JavaScript would give it. */
// biome-ignore lint/suspicious/noExplicitAny: the compiler would refuse it
const wrong = (value: unknown): any => value

/** Trains three steps, whose error is returned. */
async function trained(options: Partial<TrainOptions>, on: ImageSet = set): Promise<unknown> {
  try {
    for await (const _ of train(net, on, { lr: 0.01, steps: 3, ...options }));
    return 'no error'
  } catch (error) {
    return error
  }
}

const usual = sgd()
const own = (hyper: () => unknown): Optimizer => ({ ...usual, hyper: wrong(hyper) })
let calls = 0

const tries: readonly (readonly [string, Partial<TrainOptions>, RegExp])[] = [
  [
    'no course',
    { courses: wrong(() => null) },
    /courses, for conv1\.weight: expected an object, got null/
  ],
  [
    'no course',
    { courses: wrong(() => {}) },
    /courses, for conv1\.weight: expected an object, got none/
  ],
  [
    'a misspelt course',
    { courses: wrong(() => ({ rat: () => 1 })) },
    /\.rat: expected one of .* rate\?/
  ],
  [
    'a number as course',
    { courses: wrong(() => ({ rate: 2 })) },
    /\.rate: expected a function, got 2/
  ],
  [
    'a promise',
    { courses: wrong(async () => ({})) },
    /expected an object, got a promise; await it/
  ],
  [
    'a rate of a course',
    { courses: () => ({ rate: wrong(() => '1') }) },
    /courses, rate: .* got "1"/
  ],
  [
    'no scalars',
    { optimizer: own(() => null) },
    /what hyper\(\) gives: expected a list .* got null/
  ],
  ['NaN', { optimizer: own(() => [0.1, 0, Number.NaN, 1]) }, /hyper\(\) gives\[2\]: .* got NaN/],
  ['texts', { optimizer: own(() => ['0.1', 0, 0, 1]) }, /hyper\(\) gives\[0\]: .* got "0\.1"/],
  ['no f32', { optimizer: own(() => [1e39, 0, 0, 1]) }, /got 1e\+39, which is Infinity in f32/],
  ['too few scalars', { optimizer: own(() => [0.1, 0, 0]) }, /hyper: expected .*4/],
  [
    'fewer scalars later',
    { optimizer: own(() => (++calls > 2 ? [0.1] : [0.1, 0, 0, 1])) },
    /hyper\(\) gives: expected a list of 4 values, .* got \[0\.1\]/
  ],
  ['a schedule', { schedule: wrong(() => null) }, /schedule: expected a factor from 0 .* got null/],
  ['a schedule that waits', { schedule: wrong(async () => 1) }, /got a promise; await it/],
  [
    'a plateau',
    { schedule: Object.assign(() => 1, wrong({ observe: 1, state: 1 })) },
    /schedule\.observe/
  ],
  [
    'its state',
    {
      schedule: Object.assign(() => 1, { observe() {}, state: { factor: Number.NaN, waited: 0 } })
    },
    /schedule\.state\.factor: expected a number from 0 to 1, got NaN/
  ],
  [
    'a length',
    { steps: wrong(() => '20'), epochs: 9 },
    /steps, as chosen: expected a number from 0/
  ],
  ['a control', { control: { wanted: wrong(() => null) } }, /as control wants it: .* got null/]
]

for (const [name, options, message] of tries) {
  t.test(`${name}: ${message.source}`, async (t) => {
    const error = await trained(options)
    t.type(error, Error)
    t.match(error, { message })
    t.match(error, { message: /^\[\w+\] .*expected .*, got / })
    t.notMatch(error, { name: 'TypeError' })
  })
}

t.test('a set that gives no labels', async (t) => {
  const silent = { ...set, read: () => {} }
  const message = /image \d+: expected a label from 0 to 9, got -1/
  t.match(await trained({}, silent), { message })
  await t.rejects(evaluate(net, silent), { message })
  let reads = 0
  const later: ImageSet = {
    ...set,
    read: (...args) => (++reads > 2 ? undefined : set.read(...args))
  }
  t.match(await trained({}, later), { message }, 'those of an earlier batch are not taken')
})

t.test('functions of files', async (t) => {
  const folder = t.testdir()
  await t.rejects(openRun(join(folder, 'run'), { resume: false, options: wrong(() => null) }), {
    name: 'RangeError',
    message: /^\[run\] options, what it gives: expected an object, got null/
  })
  async function* pieces(rows: unknown) {
    yield wrong(rows)
  }
  const facts = { run: 'r', weights: 'w', net: 'n', layer: 'fc7', folder: 'f' }
  const image = { file: 'a.jpg' }
  for (const [rows, about, message] of [
    [new Float64Array(4), { ...facts, images: [image] }, /each piece: expected a Float32Arr/],
    [new Float32Array(5), { ...facts, images: [image] }, /whole rows of 4 values, got 5/],
    [[1, 2, 3, 4], { ...facts, images: [image] }, /expected a Float32Array, got \[1,/],
    [new Float32Array(4), null, /facts, what it gives: expected an object, got null/],
    [new Float32Array(8), { ...facts, images: [image] }, /images: expected one for each of 2/]
  ] as const) {
    for (const file of ['x.npy', 'x.safetensors']) {
      const written = writeIndex(
        join(folder, file),
        4,
        pieces(rows),
        wrong(() => about)
      )
      await t.rejects(written, { name: 'RangeError', message })
    }
  }
})

t.test("a definition that is no net's", async (t) => {
  const folder = t.testdir()
  await writeFile(join(folder, 'options.json'), '{"net": "fashion"}')
  await keepRunData(folder, {
    name: 'x',
    source: 'made',
    classes: set.classes,
    mean: set.mean,
    std: set.std,
    train: set,
    test: set
  })
  await t.rejects(readRun(folder, { definition: wrong(() => null) }), {
    name: 'RangeError',
    message: /definition, what it gives: expected a definition, as defineNet\(\)/
  })
})
