// Files of an older version open, and give the numbers that they gave then: see compat/README.md.
import { createHash } from 'node:crypto'
import { cp, readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openPhotos } from '../lib/data/photos/open.ts'
import { open } from '../lib/engine/device.ts'
import { cpuInfo } from '../lib/native/binding.ts'
import { defineNet } from '../lib/net/definition.ts'
import { batchNorm } from '../lib/net/layers/batch-norm.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { dropout } from '../lib/net/layers/dropout.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'
import * as schedules from '../lib/optim/schedule.ts'
import { listCheckpoints, readCheckpoint } from '../lib/run/checkpoint.ts'
import { toSnapshot } from '../lib/run/snapshot.ts'
import { openTraining } from '../lib/run/training-run.ts'
import { loadWeights, saveWeights } from '../lib/run/weights.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { train } from '../lib/training/train.ts'
import { openIndex } from '../lib/use/feature-index.ts'
import { outputs } from '../lib/use/outputs.ts'
import { openTrained } from '../lib/use/trained.ts'
import { readSafetensors } from '../lib/util/files/safetensors.ts'
import {
  type CourseResult,
  definitionOf,
  LAST,
  type Numbers,
  runCourse,
  testInput,
  testRun
} from './compat/course.ts'

const library = {
  open,
  openPhotos,
  openTrained,
  openTraining,
  train,
  evaluate,
  schedules,
  defineNet,
  conv2d,
  batchNorm,
  relu,
  maxPool,
  flatten,
  dense,
  dropout
}

interface Expected {
  readonly cpu: string
  readonly isa: string
  readonly onednn: string
  readonly resumed: CourseResult
  /** SHA-256 of the file. */
  readonly resumedWeights: string
  readonly tests: Readonly<Record<string, Numbers>>
}

const files = join(import.meta.dirname, 'compat/files')
const pictures = join(files, 'pictures')
const kept = join(files, 'run')
const expected: Expected = JSON.parse(await readFile(join(files, 'expected.json'), 'utf8'))

/** Kernels, and so bits, are chosen by the instruction set and the sizes of the caches. */
const exact =
  expected.isa === cpuInfo.isa &&
  expected.onednn === cpuInfo.onednn &&
  expected.cpu === cpus()[0]?.model

/** Compares bits on a CPU like that of the older version, and to 1e-5 on another. */
function same(t: Test, found: readonly number[], wanted: readonly number[], what: string) {
  if (exact) return t.strictSame(found, wanted, `${what}, bit for bit`)
  t.equal(found.length, wanted.length, what)
  for (const [i, number] of wanted.entries()) {
    const bound = 1e-5 * Math.max(1, Math.abs(number))
    const value = found[i] ?? Number.NaN
    t.ok(Math.abs(value - number) <= bound, `${what}, ${i}: ${value} for ${number}`)
  }
}

function sameRows(t: Test, found: readonly Numbers[], wanted: readonly Numbers[], what: string) {
  t.strictSame(found.map(Object.keys), wanted.map(Object.keys), `the columns of ${what}`)
  same(t, found.flatMap(Object.values), wanted.flatMap(Object.values), what)
}

const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

t.test('a prepared set', async (t) => {
  for (const [folder, train, test] of [
    ['pictures', 1728, 1728],
    ['pictures-jpeg', undefined, undefined]
  ] as const) {
    await using data = await openPhotos(join(files, folder), { threads: 1 })
    t.strictSame(data.classes, ['cat', 'dog', 'emu'])
    for (const [set, length, bytes] of [
      [data.train, 24, train],
      [data.test, 8, test]
    ] as const) {
      t.equal(set.length, length)
      for (let i = 0; i < length; i++) {
        const record = await set.record(i)
        t.match(set.name(i), /^(train|test)\/(cat|dog|emu)\/\d\.jpg$/)
        if (bytes === undefined) t.same([...record.subarray(0, 2)], [0xff, 0xd8], 'a JPEG file')
        else t.equal(record.length, bytes, 'raw bytes')
      }
    }
  }
})

t.test('its checkpoints', async (t) => {
  const found = await listCheckpoints(kept)
  t.strictSame(
    found.map(({ step }) => step),
    [8, 6]
  )
  for (const { folder, step } of found) {
    const { state, weights, optimizer } = toSnapshot(await readCheckpoint(folder))
    t.match(state, {
      step,
      seed: 3,
      steps: 8,
      rates: [{ step: 6, old: 0.02, lr: 0.01 }],
      lossScale: { scale: Number, good: Number, skipped: 0, unheeded: Array },
      validation: { best: { step: 6 }, plateau: { factor: 0.5 } }
    })
    t.strictSame([...optimizer.keys()].sort(), ['v', 'w'])
    t.equal(weights.get('fc1.weight')?.data.length, 16 * 8 * 4 * 4)
  }
})

t.test('a run is resumed, and goes on as the older version did', async (t) => {
  const out = join(t.testdir(), 'run')
  await cp(kept, out, { recursive: true })
  const { steps, validations, tests } = await runCourse(library, { out, pictures, steps: LAST })
  const { resumed } = expected
  sameRows(t, steps, resumed.steps, 'its steps')
  sameRows(t, validations, resumed.validations, 'its validations')
  sameRows(t, tests, resumed.tests, 'its tests')
  if (exact) t.equal(await sha256(join(out, 'weights.safetensors')), expected.resumedWeights)
})

t.test('a run is opened for use', async (t) => {
  t.strictSame(Object.keys(expected.tests), ['final', 'best', 'newest'])
  for (const [weights, numbers] of Object.entries(expected.tests)) {
    const found = await testRun(library, { out: kept, pictures, weights })
    sameRows(t, [found], [numbers], `the weights '${weights}'`)
  }
})

t.test('weights are loaded, and saved as they were', async (t) => {
  const path = join(kept, 'weights.safetensors')
  await using device = await open('cpu', { threads: 1 })
  await using net = await definitionOf(library, 3).build(device, { batch: 1, training: false })
  await loadWeights(net, path)
  const again = join(t.testdir(), 'weights.safetensors')
  await saveWeights(net, again)
  t.strictSame(await readSafetensors(again), await readSafetensors(path))
})

for (const name of ['features.safetensors', 'features.npy']) {
  t.test(name, async (t) => {
    await using device = await open('cpu', { threads: 2 })
    await using photos = await openPhotos(pictures, { threads: 1 })
    const index = await openIndex(join(files, name))
    t.match(index, { net: 'compat', layer: 'fc1', width: 16 })
    t.strictSame(
      index.images.map(({ file }) => file),
      Array.from({ length: 8 }, (_, i) => photos.test.name(i))
    )
    await using trained = await openTrained(kept, device, {
      batch: 4,
      dtype: 'f32',
      layer: index.layer,
      definition: ({ classes }) => definitionOf(library, classes.length)
    })
    const wanted: number[] = []
    for await (const { values } of index.rows()) wanted.push(...values)
    const found: number[] = []
    const set = trained.takeUnlabelled(photos.test)
    const input = testInput(trained.facts.input)
    for await (const { values } of outputs(trained.net, set, { input })) found.push(...values)
    t.equal(found.length, 8 * 16)
    same(t, found, wanted, 'features')
  })
}
