import type { ImageSet } from '../data/dataset.ts'
import { anImageSet } from '../data/rules.ts'
import type { Parameters } from '../net/graph/parameters.ts'
import type { Net } from '../net/net.ts'
import { aNet } from '../net/rules.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import type { Span } from './bench/timeline.ts'
import { explained, Pauses } from './loop/pauses.ts'
import { RunPlan } from './loop/run-plan.ts'
import { sharedOptions } from './loop/shared-options.ts'
import { type Failure, StepQueue } from './loop/step-queue.ts'
import type { Step, TrainOptions } from './options.ts'
import { Trainer } from './step/trainer.ts'
import { trainRule } from './train-rules.ts'

export type { RateChange, RateControl } from './loop/learning-rate.ts'
export type { Snapshot, TrainState } from './loop/train-state.ts'
export type { Validation, ValidationOptions, ValidationState } from './loop/validation.ts'
export type { Step, TrainOptions } from './options.ts'
export { NonFiniteError } from './step/non-finite-error.ts'
export type { Diagnosis } from './watch/diagnosis.ts'
export type { WatchOptions } from './watch/options.ts'

/** Weights that a run is changing. Builds of a net share them. */
const inTraining = new WeakSet<Parameters>()

/**
 * Trains a net on a set of images and yields each step when it is done.
 *
 * In the body of `for await` the net holds exactly the weights of the step that was yielded: `evaluate`, `saveWeights`
 * and `net.parameters.export` may be called there. The device meanwhile computes the gradients of the next step, whose
 * update waits until the body is done. When the loop ends, by itself, by `break` or by an error, `train` waits for the
 * device and frees what the run took; the net is that of the last step yielded. With `ema` the net holds the trained
 * weights in the body, and the averaged ones when the loop has ended.
 *
 * Where batch norm has one value a channel and image, the images of a last batch that would be alone are left out of
 * each epoch, and a warning of the process says so.
 *
 * In f16, or with `lossScale`, a step whose gradients overflow is skipped, and the loss is scaled less from then on.
 *
 * An error of a function that was given, such as a schedule, and one of reading images end the run as a signal does: the
 * steps that were made are yielded and saved by `checkpoint`, and then the error is thrown.
 *
 * A second `train` on a net, or on another build of its parameters, is refused while the first one runs. After the first
 * it goes on from the weights as they are, and all else begins anew: the order of images, the optimizer's state and the
 * number of steps. To continue a run, resume it by `from`.
 *
 * @param net built for training
 * @param set images of the net's channels and classes
 * @param options `lr` is required
 * @returns an async iterator of steps, in order
 * @throws NonFiniteError where the loss, a gradient or, when it is saved or the run ends, a weight is not finite; it
 * names the layer
 * @throws RangeError for a wrong option, naming it, what was expected and what came; and at the step for which a
 * schedule gives no factor from 0
 * @throws Error where images do not suit the net, or another `train` is training it
 *
 * @example
 * for await (const step of train(net, data.train, { epochs: 1, lr: 0.01, momentum: 0.9 })) {
 *   console.log(step.loss)
 * }
 */
export async function* train(net: Net, set: ImageSet, options: TrainOptions): AsyncGenerator<Step> {
  checkArguments('train', { net: [net, aNet], set: [set, anImageSet] })
  checkOptions('train', options, trainRule)
  const { parameters } = net
  if (inTraining.has(parameters)) {
    throw new Error(
      '[train] net: expected one that is not in training, got one that another train() trains: ' +
        'end that loop first, or build another net'
    )
  }
  inTraining.add(parameters)
  try {
    yield* trainAlone(net, set, options)
  } finally {
    inTraining.delete(parameters)
  }
}

/** As `train`, with arguments that are checked and a net that is free. */
async function* trainAlone(net: Net, set: ImageSet, options: TrainOptions): AsyncGenerator<Step> {
  const plan = new RunPlan(net, set, options)
  await using trainer = await Trainer.create(net, set, plan.optimizer, options)
  const { group } = net.placement
  await group?.same('the options of train', sharedOptions(net, set, options))
  if (options.from && (group?.rank ?? 0) === 0) await trainer.import(options.from)
  await trainer.spread()
  if (plan.lossScale?.cleared) trainer.flag(false)
  const { onTimeline } = options
  const queue = new StepQueue(trainer, plan, onTimeline !== undefined)
  const pauses = new Pauses(trainer, plan, queue, options)
  const timed = async (spans: readonly Span[], step: number) => onTimeline?.(spans, step)
  /** Why no step can follow. Those in flight are made, and what was made is saved, before it is thrown. */
  let failure: Failure | undefined
  const failed = (error: unknown) => {
    failure ??= { error }
  }
  try {
    for (;;) {
      if (!failure) await queue.agree(pauses.isLate).catch(failed)
      if (!failure && !queue.full && !pauses.due && plan.goesOn(queue.sent)) {
        await queue.send().catch(failed)
      } else if (queue.empty) {
        if (failure || (await pauses.take().catch(failed)) === false) break
      } else {
        const finished = await queue.finish().catch((error) => pauses.fail(error))
        const { step, spans } = finished
        failure ??= finished.failure
        pauses.observe(step)
        if (spans) {
          await timed(spans, step.step).catch(failed)
          queue.restartClock()
        }
        yield step
      }
    }
    if (failure) {
      await pauses.rescue()
      throw await explained(net, failure.error)
    }
    await pauses.end()
  } finally {
    await queue.drain()
    trainer.settle()
  }
}
