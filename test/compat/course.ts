/** A tiny training run that fills every file that a run can have. It runs on this version and on older ones. */
import type { openPhotos } from '../../lib/data/photos/open.ts'
import type { open } from '../../lib/engine/device.ts'
import type { defineNet, NetDefinition } from '../../lib/net/definition.ts'
import type { batchNorm } from '../../lib/net/layers/batch-norm.ts'
import type { conv2d } from '../../lib/net/layers/conv2d.ts'
import type { dense } from '../../lib/net/layers/dense.ts'
import type { dropout } from '../../lib/net/layers/dropout.ts'
import type { flatten } from '../../lib/net/layers/flatten.ts'
import type { maxPool } from '../../lib/net/layers/pool.ts'
import type { relu } from '../../lib/net/layers/relu.ts'
import type * as schedules from '../../lib/optim/schedule.ts'
import type { TrainSettings } from '../../lib/run/settings.ts'
import type { openTraining } from '../../lib/run/training-run.ts'
import type { Evaluation, evaluate } from '../../lib/training/evaluate/evaluate.ts'
import type { InputRecipe } from '../../lib/training/input/augment.ts'
import type { train } from '../../lib/training/train.ts'
import type { openTrained } from '../../lib/use/trained.ts'

/** What the course takes from a version of the library. */
export interface Library {
  readonly open: typeof open
  readonly openPhotos: typeof openPhotos
  readonly openTrained: typeof openTrained
  readonly openTraining: typeof openTraining
  readonly train: typeof train
  readonly evaluate: typeof evaluate
  readonly schedules: Pick<typeof schedules, 'plateau'>
  readonly defineNet: typeof defineNet
  readonly conv2d: typeof conv2d
  readonly batchNorm: typeof batchNorm
  readonly relu: typeof relu
  readonly maxPool: typeof maxPool
  readonly flatten: typeof flatten
  readonly dense: typeof dense
  readonly dropout: typeof dropout
}

/** Rows and columns of the prepared pictures, and of the net's input. */
export const SIZE = 24
const INPUT = 20

/** Steps of the run as it is kept, and of the run that goes on from it. */
export const KEPT = 8
export const LAST = 12

export const defaults: TrainSettings = {
  net: 'compat',
  dtype: 'f32',
  batch: 4,
  steps: KEPT,
  optimizer: 'sgd',
  lr: 0.02,
  momentum: 0.9,
  beta2: 0.999,
  weightDecay: 0.001,
  schedule: 'plateau',
  clipNorm: 0.5,
  ema: 0.8,
  accumulate: 2,
  validateEvery: 3,
  input: {
    fit: 'crop',
    flip: true,
    mean: 'pixel',
    divide: 64,
    colour: { form: 'deviation', sigma: 0.1 }
  },
  seed: 3
}

export function definitionOf(library: Library, classes: number): NetDefinition {
  const { defineNet, conv2d, batchNorm, relu, maxPool, flatten, dense, dropout } = library
  return defineNet({
    name: 'compat',
    input: { channels: 3, height: INPUT, width: INPUT },
    layers: [
      conv2d({ name: 'conv1', filters: 8, size: 3, stride: 2 }),
      batchNorm({ name: 'norm1' }),
      relu(),
      maxPool({ name: 'pool1', size: 3, stride: 2 }),
      flatten(),
      dense({ name: 'fc1', units: 16 }),
      relu(),
      dropout({ name: 'drop1', rate: 0.25 }),
      dense({ name: 'fc2', units: classes })
    ]
  })
}

/** Numbers of one step, or of one validation. */
export type Numbers = Readonly<Record<string, number>>

export interface CourseResult {
  readonly steps: readonly Numbers[]
  readonly validations: readonly Numbers[]
  /** The test at the end, by the centre and by ten views; of a run that was stopped, none. */
  readonly tests: readonly Numbers[]
}

export interface CourseOptions {
  /** The run's folder. */
  readonly out: string
  /** The prepared pictures. */
  readonly pictures: string
  /** The run's length, where it differs from the saved one. */
  readonly steps?: number
  /** Stop when this step is done. */
  readonly stop?: number
}

/** Starts the run, or resumes it, with a version of the library. */
export async function runCourse(library: Library, options: CourseOptions): Promise<CourseResult> {
  const { out, pictures, stop } = options
  const given = options.steps === undefined ? {} : { steps: options.steps }
  await using device = await library.open('cpu', { threads: 2 })
  await using photos = await library.openPhotos(pictures, { threads: 1 })
  await using run = await library.openTraining({
    out,
    resume: true,
    settings: given,
    defaults,
    keep: 1
  })
  const data = run.sameData(photos)
  const { settings } = run
  const {
    batch,
    seed,
    lr,
    input,
    clipNorm,
    ema,
    accumulate,
    steps: length,
    validateEvery
  } = settings
  const definition = definitionOf(library, data.classes.length)
  await using net = await definition.build(device, { batch, seed })
  const abort = new AbortController()
  const steps: Numbers[] = []
  const validations: Numbers[] = []
  const made = library.train(net, data.train, {
    steps: length,
    lr,
    momentum: settings.momentum,
    weightDecay: settings.weightDecay,
    schedule: library.schedules.plateau({ factor: 0.5, patience: 1 }),
    input,
    clipNorm,
    ema,
    accumulate,
    lossScale: { start: 8, interval: 3 },
    signal: abort.signal,
    from: run.from,
    control: run.control,
    validation: {
      set: data.test,
      every: validateEvery,
      async onResult(found) {
        const { step, loss, top1, factor = Number.NaN } = found
        validations.push({ step, loss, top1, factor })
        await run.logValidation(found)
      }
    },
    checkpoint: { save: run.save }
  })
  for await (const done of made) {
    const { step, loss, top1, lr: rate, gradientNorm = Number.NaN } = done
    const { lossScale = Number.NaN } = done
    steps.push({ step, loss, top1, lr: rate, gradientNorm, lossScale })
    await run.log(done)
    if (step === stop) abort.abort()
  }
  if (abort.signal.aborted) return { steps, validations, tests: [] }
  const centre = await library.evaluate(net, data.test, { input })
  const views = await library.evaluate(net, data.test, { input, views: 10 })
  await run.finish(net, centre)
  return { steps, validations, tests: [numbersOf(centre), numbersOf(views)] }
}

/** Tests a kept run's weights on the prepared pictures. */
export async function testRun(
  library: Library,
  { out, pictures, weights }: CourseOptions & { readonly weights: string }
): Promise<Numbers> {
  await using device = await library.open('cpu', { threads: 2 })
  await using photos = await library.openPhotos(pictures, { threads: 1 })
  await using trained = await library.openTrained(out, device, {
    batch: 4,
    dtype: 'f32',
    weights,
    definition: ({ classes }) => definitionOf(library, classes.length)
  })
  const input = testInput(trained.facts.input)
  return numbersOf(await library.evaluate(trained.net, trained.take(photos.test), { input }))
}

/** Without the noise on colours: what a run keeps of its data does not say how colours vary. */
export function testInput({ colour: _, ...input }: InputRecipe = {}): InputRecipe {
  return input
}

function numbersOf({ loss, top1, top5 }: Evaluation): Numbers {
  return { loss, top1, top5 }
}
