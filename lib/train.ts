import type { ImageSet } from './data/dataset.ts'
import { findNonFinite } from './inspect.ts'
import { LossScale, type LossScaleOptions, type LossScaleState } from './loss-scale.ts'
import type { Stats } from './metrics.ts'
import type { Net } from './net.ts'
import { type Optimizer, sgd } from './optimizer.ts'
import { permutation } from './random.ts'
import { constant, type Schedule } from './schedule.ts'
import { type StepResult, Trainer, type TrainerTensors } from './trainer.ts'

/** Where a run stands; with the tensors, all that going on needs. */
export interface TrainState {
  /** Steps done. */
  readonly step: number
  /** Whole epochs done. */
  readonly epoch: number
  /** Images of this epoch that were seen. */
  readonly position: number
  readonly seed: number
  /** Steps in all, once that is settled. */
  readonly steps?: number
  /** Of runs whose loss is scaled. */
  readonly lossScale?: LossScaleState
}

export interface Snapshot extends TrainerTensors {
  readonly state: TrainState
}

export interface TrainOptions {
  /** Times through the set. Default 1, unless `steps` is given. */
  readonly epochs?: number | undefined
  /**
   * Batches in all, instead of epochs. A function is told the pace of the first few steps, in images a
   * second, and chooses then; it gets no more than `epochs` says.
   */
  readonly steps?: number | ((imagesPerSecond: number) => number) | undefined
  /** Learning rate. */
  readonly lr: number
  /** Default 0. Not with `optimizer`. */
  readonly momentum?: number
  /** Default 0. Not with `optimizer`. */
  readonly weightDecay?: number
  /** Default: `sgd({ momentum, weightDecay })`. */
  readonly optimizer?: Optimizer
  /** Factor on the rate. Default: constant. */
  readonly schedule?: Schedule
  /** Scaling of the loss's gradient. Default: on for nets in f16, off for others. */
  readonly lossScale?: LossScaleOptions
  /** Decides the order of images and all draws. Default: the net's. */
  readonly seed?: number
  /** Ends the run after the steps that are under way, without an error. */
  readonly signal?: AbortSignal | undefined
  /** Goes on from here. */
  readonly from?: Snapshot | undefined
  /** Called after every so many steps, after the last, and after an abort, with the whole state. */
  readonly checkpoint?: {
    readonly every?: number | undefined
    save(snapshot: Snapshot): void | Promise<void>
  }
}

/** How many steps tell the pace, by their median; the first, which touches fresh memory, does not count. */
const PACE_STEPS = 16

/** One step that is done. */
export interface Step {
  /** From 1. */
  readonly step: number
  /** Steps in all. */
  readonly steps: number
  /** Epochs done, with fraction. */
  readonly epoch: number
  /** Mean cross-entropy of the batch, in nats. */
  readonly loss: number
  /** Fraction of the batch whose class came first. */
  readonly top1: number
  /** Fraction of the batch whose class was among the first five. */
  readonly top5: number
  readonly lr: number
  readonly images: number
  readonly imagesPerSecond: number
  /** Of runs whose loss is scaled: the factor on the gradient that this step had. */
  readonly lossScale?: number
  /** Of runs whose loss is scaled: no update was made, since gradients overflowed in this step or the one before. */
  readonly skipped?: boolean
}

/** A loss or gradient was not finite. The weights are those from before the step. */
export class NonFiniteError extends Error {
  override name = 'NonFiniteError'
}

/**
 * Trains a net, a step at a time. The device is always one step ahead of what is yielded, so it never
 * waits for JavaScript; leaving the loop waits for it and gives back what the run took. In f16 a step
 * whose gradients overflow is skipped, and the loss is scaled less from then on: see lib/loss-scale.ts.
 *
 * @throws NonFiniteError naming the layer where a value first was not finite
 * @throws Error for options or data that do not suit
 *
 * @example
 * for await (const step of train(net, data.train, { epochs: 1, lr: 0.01, momentum: 0.9 })) {
 *   console.log(step.loss)
 * }
 */
export async function* train(net: Net, set: ImageSet, options: TrainOptions): AsyncGenerator<Step> {
  const {
    lr,
    momentum = 0,
    weightDecay = 0,
    schedule = constant(),
    signal,
    from,
    checkpoint
  } = options
  requireNumber('lr', lr, 0)
  requireNumber('momentum', momentum, 0)
  requireNumber('weightDecay', weightDecay, 0)
  const optimizer = options.optimizer ?? sgd({ momentum, weightDecay })
  const seed = from?.state.seed ?? options.seed ?? net.seed
  const perEpoch = Math.ceil(set.length / net.batch)
  const { epochs = 1 } = options
  requireNumber('epochs', epochs, 0)
  const choose = typeof options.steps === 'function' ? options.steps : undefined
  const given = typeof options.steps === 'number' ? options.steps : undefined
  const most = given ?? Math.ceil(epochs * perEpoch)
  requireNumber('steps', most, 0)
  // Undefined until the pace is known; whoever goes on from a snapshot keeps what was chosen then.
  let settled = choose ? from?.state.steps : most

  const scaled = options.lossScale !== undefined || net.dtype === 'f16'
  const scaling = scaled ? new LossScale(options.lossScale, from?.state.lossScale) : undefined

  await using trainer = await Trainer.create(net, set, optimizer)
  if (from) await trainer.import(from)
  if (scaling?.cleared) trainer.flag(false)
  const order = new Order(set.length, net.batch, seed, from?.state)
  const flying: Flight[] = []
  let sent = from?.state.step ?? 0
  let done: TrainState = state()
  let saved = sent
  let last = performance.now()
  let paced = 0
  const paces: number[] = []

  function state(): TrainState {
    return { ...order.state, step: sent, seed, ...(settled !== undefined && { steps: settled }) }
  }

  /** Counts a step, and chooses how many there will be when the pace is known. */
  const pace = (images: number, seconds: number) => {
    if (!choose || settled !== undefined || ++paced === 1) return
    paces.push(images / seconds)
    if (paced < PACE_STEPS) return
    const median = paces.sort((a, b) => a - b)[Math.floor(paces.length / 2)] ?? Number.NaN
    const wanted = Math.round(choose(median))
    requireNumber('steps, as chosen', wanted, 0)
    settled = Math.max(sent, Math.min(most, wanted))
  }

  const save = async () => {
    if (!checkpoint || saved === done.step) return
    const steps = settled === undefined ? {} : { steps: settled }
    const scale = scaling ? { lossScale: scaling.state } : {}
    const state = { ...done, ...steps, ...scale }
    await checkpoint.save({ ...(await trainer.export()), state })
    saved = done.step
    last = performance.now()
  }

  try {
    while (sent < (settled ?? most) || flying.length > 0) {
      const steps = settled ?? most
      // What is saved is the state after the last step sent, so nothing is sent past a checkpoint.
      const due = checkpoint?.every !== undefined && sent % checkpoint.every === 0 && sent > saved
      if (sent < steps && flying.length < 2 && !signal?.aborted && !due) {
        const indices = order.next()
        const rate = lr * schedule({ step: sent, epoch: sent / perEpoch, steps })
        const scale = scaling?.send()
        const { result } = await trainer.step(indices, { step: sent, seed, lr: rate, ...scale })
        sent++
        flying.push({ result, indices, lr: rate, scale: scale?.scale, state: state() })
        continue
      }
      const flight = flying.shift()
      if (!flight) {
        if (due && !signal?.aborted) {
          await save()
          continue
        }
        break
      }
      const stats = await flight.result
      const outcome = scaling?.arrive(stats.finite)
      const finite = stats.finite && Number.isFinite(stats.loss)
      // Gradients that overflow unscaled, too, are no matter of the scale.
      const { scale = 1 } = flight
      const bearable = outcome === 'skipped' || (outcome === 'overflow' && scale > 1)
      if (!finite && !bearable) {
        await Promise.allSettled(flying.splice(0).map(({ result }) => result))
        throw await explain(trainer, flight, stats)
      }
      done = flight.state
      const now = performance.now()
      const seconds = (now - last) / 1000
      last = now
      pace(flight.indices.length, seconds)
      yield {
        step: done.step,
        steps: settled ?? most,
        epoch: done.epoch + done.position / set.length,
        loss: stats.loss,
        top1: stats.top1 / flight.indices.length,
        top5: stats.top5 / flight.indices.length,
        lr: flight.lr,
        images: flight.indices.length,
        imagesPerSecond: flight.indices.length / seconds,
        ...(flight.scale !== undefined && {
          ...{ lossScale: flight.scale, skipped: outcome !== 'good' }
        })
      }
    }
    await save()
  } finally {
    // The loop was left early: what is under way ends before memory goes.
    await Promise.allSettled(flying.map(({ result }) => result))
  }
}

interface Flight {
  readonly result: Promise<StepResult>
  readonly indices: Uint32Array
  readonly lr: number
  /** Where the loss is scaled. */
  readonly scale: number | undefined
  readonly state: TrainState
}

async function explain(trainer: Trainer, flight: Flight, stats: Stats): Promise<Error> {
  const { indices, scale, state } = flight
  const { step, seed } = state
  const scaled = scale === undefined ? {} : { scale }
  const net = await trainer.replay(indices, { step: step - 1, seed, ...scaled })
  const place = await findNonFinite(net)
  const began = place ? `; it began in ${place}` : ''
  const at = scale === undefined ? '' : `, at a loss scale of ${scale}`
  return new NonFiniteError(
    `[train] step ${step}: the loss is ${stats.loss} or a gradient is not finite${began}${at}. ` +
      'The weights are those from before this step. ' +
      'Try a smaller lr, or look at the images of this batch.'
  )
}

function requireNumber(name: string, value: number, least: number): void {
  if (!Number.isFinite(value) || value < least) {
    throw new Error(`[train] ${name}: expected a number from ${least}, got ${value}`)
  }
}

/** Which images come when: each epoch a permutation of its own, by seed and epoch alone. */
class Order {
  readonly #length: number
  readonly #batch: number
  readonly #seed: number
  #epoch: number
  #position: number
  #permutation: Uint32Array

  constructor(length: number, batch: number, seed: number, from?: TrainState) {
    this.#length = length
    this.#batch = batch
    this.#seed = seed
    this.#epoch = from?.epoch ?? 0
    this.#position = from?.position ?? 0
    this.#permutation = permutation(length, seed, this.#epoch)
  }

  get state(): { epoch: number; position: number } {
    return { epoch: this.#epoch, position: this.#position }
  }

  next(): Uint32Array {
    const end = Math.min(this.#position + this.#batch, this.#length)
    const indices = this.#permutation.slice(this.#position, end)
    this.#position = end
    if (end === this.#length) {
      this.#epoch++
      this.#position = 0
      this.#permutation = permutation(this.#length, this.#seed, this.#epoch)
    }
    return indices
  }
}
