import type { ImageSet } from './data/dataset.ts'
import { LossScale, type LossScaleOptions } from './loss-scale.ts'
import type { Net } from './net.ts'
import { type Optimizer, sgd } from './optimizer.ts'
import { type Courses, constant, type Schedule } from './schedule.ts'
import { type StepResult, Trainer } from './trainer.ts'
import { Length, requireNumber } from './training/length.ts'
import { explain } from './training/not-finite.ts'
import { Order } from './training/order.ts'
import type { Snapshot, TrainState } from './training/state.ts'

export { NonFiniteError } from './training/not-finite.ts'
export type { Snapshot, TrainState } from './training/state.ts'

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
  /** Factors of each parameter on rate and decay besides. Default: none. */
  readonly courses?: Courses
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
  const length = new Length(most, choose, from?.state.steps)

  const scaled = options.lossScale !== undefined || net.dtype === 'f16'
  const scaling = scaled ? new LossScale(options.lossScale, from?.state.lossScale) : undefined

  await using trainer = await Trainer.create(net, set, optimizer, options.courses)
  if (from) await trainer.import(from)
  if (scaling?.cleared) trainer.flag(false)
  const order = new Order(set.length, net.batch, seed, from?.state)
  const flying: Flight[] = []
  let sent = from?.state.step ?? 0
  let done: TrainState = state()
  let saved = sent
  let last = performance.now()

  function state(): TrainState {
    return { ...order.state, step: sent, seed }
  }

  const save = async () => {
    if (!checkpoint || saved === done.step) return
    const scale = scaling ? { lossScale: scaling.state } : {}
    const state = { ...done, ...length.state, ...scale }
    await checkpoint.save({ ...(await trainer.export()), state })
    saved = done.step
    last = performance.now()
  }

  try {
    while (sent < length.steps || flying.length > 0) {
      const { steps } = length
      // What is saved is the state after the last step sent, so nothing is sent past a checkpoint.
      const due = checkpoint?.every !== undefined && sent % checkpoint.every === 0 && sent > saved
      if (sent < steps && flying.length < 2 && !signal?.aborted && !due) {
        const indices = order.next()
        const at = { step: sent, epoch: sent / perEpoch, steps }
        const rate = lr * schedule(at)
        const scale = scaling?.send()
        const { result } = await trainer.step(indices, { step: sent, seed, lr: rate, at, ...scale })
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
        const { indices, scale, state } = flight
        throw await explain(trainer, { ...state, indices, scale, loss: stats.loss })
      }
      done = flight.state
      const now = performance.now()
      const seconds = (now - last) / 1000
      last = now
      length.count(flight.indices.length, seconds, sent)
      yield {
        step: done.step,
        steps: length.steps,
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
