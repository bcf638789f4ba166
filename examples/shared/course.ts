/** A net's training error over its epochs, kept in a run's folder and gone on with. */
import { existsSync, readFileSync } from 'node:fs'
import { type Device, type ImageSet, type NetDefinition, train } from 'alexnode'
import { openTraining, type TrainSettings } from 'alexnode/run'

/** Errors are averages over a quarter of an epoch. */
const BINS = 4
const [batch, momentum, seed] = [100, 0.9, 1]

export interface CourseOptions {
  readonly definition: NetDefinition
  readonly device: Device
  readonly set: ImageSet
  readonly rate: number
  /** Epochs in all, with those of earlier calls. */
  readonly epochs: number
  /** The run's folder. */
  readonly out: string
  /** When to stop, as `performance.now()` tells it. */
  readonly deadline: number
  /** The error at which to stop. */
  readonly target: number
}

export interface Course {
  readonly curve: readonly { readonly epoch: number; readonly error: number }[]
  /** Epochs done. */
  readonly epochs: number
  /** The last training error. */
  readonly error: number
  /** Epochs until the target was reached. */
  readonly reached: number | undefined
}

/** Trains up to so many epochs, the target or the deadline, from where an earlier call stopped. */
export async function follow(options: CourseOptions): Promise<Course> {
  const { definition, device, set, rate, epochs, out, deadline, target } = options
  const known = readBins(out, set.length)
  const before = courseOf(known, target)
  const done = before.reached !== undefined || before.epochs >= epochs
  if (done || performance.now() > deadline) return before
  const defaults: TrainSettings = {
    net: definition.name,
    dtype: 'f32',
    batch,
    optimizer: 'sgd',
    lr: rate,
    momentum,
    beta2: 0,
    weightDecay: 0,
    schedule: 'constant',
    seed
  }
  await using run = await openTraining({ out, resume: true, settings: {}, defaults })
  await using net = await definition.build(device, { batch, seed })
  const stop = new AbortController()
  const input = { fit: 'resize', mean: 'channel', divide: 'std' } as const
  const training = { lr: rate, momentum, epochs, seed, input, signal: stop.signal, from: run.from }
  for await (const step of train(net, set, { ...training, checkpoint: { save: run.save } })) {
    await run.log(step)
    known.add(step)
    const { reached } = courseOf(known, target)
    if (reached !== undefined || performance.now() > deadline) stop.abort()
  }
  return courseOf(known, target)
}

/** What a step tells. */
interface Told {
  readonly epoch: number
  readonly top1: number
}

/** Averages steps over quarters of epochs. */
class Bins {
  readonly points: { epoch: number; error: number }[] = []
  /** Epochs done. */
  epochs = 0
  readonly #perBin: number
  #sum = 0
  #count = 0

  constructor(length: number) {
    this.#perBin = Math.ceil(length / batch / BINS)
  }

  add({ epoch, top1 }: Told): void {
    this.epochs = epoch
    this.#sum += 1 - top1
    this.#count++
    if (this.#count < this.#perBin) return
    this.points.push({ epoch: Number(epoch.toFixed(2)), error: this.#sum / this.#count })
    this.#sum = 0
    this.#count = 0
  }
}

/** The averages of a run's log; those of a new run if there is none. */
function readBins(out: string, length: number): Bins {
  const file = `${out}/log.jsonl`
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const bins = new Bins(length)
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const told: Told = JSON.parse(line)
    bins.add(told)
  }
  return bins
}

function courseOf({ points: curve, epochs }: Bins, target: number): Course {
  const reached = curve.find(({ error }) => error <= target)?.epoch
  return { curve, epochs, error: curve.at(-1)?.error ?? 1, reached }
}
