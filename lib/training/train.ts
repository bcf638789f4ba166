import type { ImageSet } from '../data/dataset.ts'
import type { Net } from '../net/net.ts'
import { sgd } from '../optim/optimizer.ts'
import { constant, isPlateau, type Progress, uniform } from '../optim/schedule.ts'
import { requireNumber, requireShare, requireWhole } from '../util/require.ts'
import { Order } from './loop/image-order.ts'
import { LiveRate, type RateChange } from './loop/learning-rate.ts'
import { LossScale } from './loop/loss-scale.ts'
import { Length } from './loop/run-length.ts'
import type { TrainState } from './loop/train-state.ts'
import { Validator } from './loop/validation.ts'
import type { Step, TrainOptions } from './options.ts'
import { explain } from './step/non-finite-error.ts'
import { type QueuedStep, Trainer } from './step/trainer.ts'
import { Watcher } from './watch/watcher.ts'

export type { RateChange, RateControl } from './loop/learning-rate.ts'
export type { Snapshot, TrainState } from './loop/train-state.ts'
export type { Validation, ValidationOptions, ValidationState } from './loop/validation.ts'
export type { Step, TrainOptions } from './options.ts'
export { NonFiniteError } from './step/non-finite-error.ts'
export type { Diagnosis } from './watch/diagnosis.ts'
export type { WatchOptions } from './watch/watcher.ts'

/** Which step from the start is timed, call by call, where somebody wants to know: by then the pace is steady. */
const TIMED = 10

/**
 * Trains a net, a step at a time. The device is always one step ahead of what is yielded, so it never
 * waits for JavaScript; leaving the loop waits for it and gives back what the run took. In f16 a step
 * whose gradients overflow is skipped, and the loss is scaled less from then on: see lib/training/loop/loss-scale.ts. With `ema`
 * the net holds the averaged weights when the loop has ended, however it did.
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
    courses = uniform,
    signal,
    from,
    checkpoint,
    validation,
    watch,
    onTimeline
  } = options
  requireNumber('lr', lr, 0)
  requireNumber('momentum', momentum, 0)
  requireNumber('weightDecay', weightDecay, 0)
  requireShare('labelSmoothing', options.labelSmoothing)
  requireShare('ema', options.ema)
  const { clipNorm = 1 } = options
  if (!(clipNorm > 0)) {
    throw new Error(`[train] clipNorm: expected a number above 0, got ${clipNorm}`)
  }
  const optimizer = options.optimizer ?? sgd({ momentum, weightDecay })
  const seed = from?.state.seed ?? options.seed ?? net.seed
  const { accumulate = 1 } = options
  requireWhole('accumulate', accumulate)
  /** Images of an update. */
  const batch = net.batch * accumulate
  const perEpoch = Math.ceil(set.length / batch)
  const { epochs = 1 } = options
  requireNumber('epochs', epochs, 0)
  const choose = typeof options.steps === 'function' ? options.steps : undefined
  const given = typeof options.steps === 'number' ? options.steps : undefined
  const most = given ?? Math.ceil(epochs * perEpoch)
  requireNumber('steps', most, 0)
  const length = new Length(most, choose, from?.state.steps)

  const scaled = options.lossScale !== undefined || net.dtype === 'f16'
  const scaling = scaled ? new LossScale(options.lossScale, from?.state.lossScale) : undefined
  if (isPlateau(schedule) && !validation) {
    throw new Error('[train] the schedule plateau expected a validation; give train() a set for it')
  }
  const validator =
    validation &&
    new Validator({ input: options.input, ...validation }, schedule, from?.state.validation)

  await using trainer = await Trainer.create(net, set, optimizer, options)
  if (from) await trainer.import(from)
  if (scaling?.cleared) trainer.flag(false)
  const live = new LiveRate(lr, options.control, from?.state.rates)
  const order = new Order(set.length, batch, seed, from?.state)
  const flying: InFlightStep[] = []
  const start = from?.state.step ?? 0
  let sent = start
  let done: TrainState = state()
  let saved = sent
  const watcher = watch && new Watcher(trainer, watch, sent)
  let last = performance.now()
  /** When the step before was done. */
  let settled = last

  function state(): TrainState {
    return { ...order.state, step: sent, seed, ...live.state }
  }

  /** What becomes due when all that was sent is done. */
  const validationDue = () => {
    const place = { epochEnds: order.state.position === 0, runEnds: sent >= length.steps }
    return validator?.due(sent, place) === true
  }
  const checkpointDue = () =>
    checkpoint?.every !== undefined && sent % checkpoint.every === 0 && sent > saved

  const validate = async () => {
    const result = await trainer.averaged(
      async () => await validator?.look(net, sent, order.state.position === 0, signal)
    )
    if (result) await validation?.onResult?.(result)
    if (result?.best) await save(true)
    last = performance.now()
  }

  const lookAround = async () => {
    const at = { step: sent - 1, epoch: (sent - 1) / perEpoch, steps: length.steps }
    const planned = schedule(at)
    await watcher?.look(sent, {
      rate: live.lr * planned,
      factorOf: (parameter) => planned * parameter.rate * (courses(parameter).rate?.(at) ?? 1)
    })
    last = performance.now()
  }

  const save = async (again = false) => {
    if (!checkpoint || (saved === done.step && !again)) return
    const kept = validator?.state
    const scale = scaling ? { lossScale: scaling.state } : {}
    const state = { ...done, ...length.state, ...scale, ...(kept && { validation: kept }) }
    await checkpoint.save({ ...(await trainer.export()), state })
    saved = done.step
    last = performance.now()
  }

  try {
    for (;;) {
      const { steps } = length
      // Both look at what is there after the last step sent, so nothing is sent past them.
      const due = checkpointDue() || validationDue() || watcher?.due(sent) === true
      const going = sent < steps && !signal?.aborted && !validator?.exhausted
      if (going && flying.length < 2 && !due) {
        const change = await live.follow(sent)
        const indices = order.next()
        const at = { step: sent, epoch: sent / perEpoch, steps }
        const rate = live.lr * schedule(at)
        const scale = scaling?.send()
        const begun = performance.now()
        const timed = onTimeline !== undefined && sent + 1 === Math.min(steps, start + TIMED)
        const how = { step: sent, seed, lr: rate, at, timed, ...scale }
        const sending = await trainer.step(indices, how)
        sent++
        const known = { indices, at, lr: rate, change, scale: scale?.scale, state: state() }
        flying.push({ ...sending, ...known, begun })
        if (flying.length === 2 && sent < length.steps)
          trainer.prefetch(order.peek()).catch(() => {})
        continue
      }
      const flight = flying.shift()
      if (!flight) {
        if (signal?.aborted) break
        if (validationDue()) await validate()
        else if (going && checkpointDue()) await save()
        else if (going && watcher?.due(sent)) await lookAround()
        else break
        continue
      }
      const stats = await flight.result
      // Where it was not idle anyway, as after a validation.
      const idle = Math.max(0, flight.staged - Math.max(flight.begun, settled)) + flight.idle
      settled = stats.settled
      const outcome = scaling?.arrive(stats.finite)
      const finite = stats.finite && Number.isFinite(stats.loss)
      // Gradients that overflow unscaled, too, are no matter of the scale.
      const { scale = 1 } = flight
      const bearable = outcome === 'skipped' || (outcome === 'overflow' && scale > 1)
      if (!finite && !bearable) {
        await Promise.allSettled(flying.splice(0).map(({ result }) => result))
        const { indices, at, scale, state } = flight
        const error = await explain(trainer, { ...state, at, indices, scale, loss: stats.loss })
        await watcher?.ended(state.step, error)
        throw error
      }
      done = flight.state
      watcher?.observe(stats.loss, !finite)
      const now = performance.now()
      const seconds = (now - last) / 1000
      last = now
      length.count(flight.indices.length, seconds, sent)
      if (stats.spans) {
        await onTimeline?.(stats.spans, done.step)
        last = performance.now()
      }
      yield {
        step: done.step,
        steps: length.steps,
        epoch: done.epoch + done.position / set.length,
        loss: stats.loss,
        top1: stats.top1 / flight.indices.length,
        top5: stats.top5 / flight.indices.length,
        lr: flight.lr,
        ...(flight.change && { rateChange: flight.change }),
        images: flight.indices.length,
        imagesPerSecond: flight.indices.length / seconds,
        waited: idle / 1000,
        ...(stats.gradientNorm !== undefined && { gradientNorm: stats.gradientNorm }),
        ...(flight.scale !== undefined && {
          ...{ lossScale: flight.scale, skipped: outcome !== 'good' }
        })
      }
    }
    await save()
  } finally {
    // The loop was left early: what is under way ends before memory goes.
    await Promise.allSettled(flying.map(({ result }) => result))
    trainer.settle()
  }
}

interface InFlightStep extends QueuedStep {
  /** When its images were asked for. */
  readonly begun: number
  readonly indices: Uint32Array
  readonly at: Progress
  readonly lr: number
  readonly change: RateChange | undefined
  /** Where the loss is scaled. */
  readonly scale: number | undefined
  readonly state: TrainState
}
