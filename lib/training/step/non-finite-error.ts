import type { Progress } from '../../optim/schedule.ts'
import { firstNotFinite } from '../update/finite-check.ts'
import { findNonFinite } from './find-non-finite.ts'
import type { Trainer } from './trainer.ts'

/**
 * A number that training goes on with was not finite. `train` throws it. Of a loss or a gradient: the weights are those
 * from before the step. Of a weight or the optimizer's state, which an update has made so: it was not saved.
 *
 * @example
 * try {
 *   for await (const step of train(net, data.train, { lr: 10 })) console.log(step.loss)
 * } catch (error) {
 *   if (error instanceof NonFiniteError) console.log(`diverged in ${error.layer}`)
 * }
 */
export class NonFiniteError extends Error {
  /** 'NonFiniteError' */
  override name = 'NonFiniteError'
  /** The layer where the first non-finite value appeared, if it was found. */
  readonly layer: string | undefined

  /** @param layer where the first non-finite value appeared */
  constructor(message: string, layer?: string) {
    super(message)
    this.layer = layer
  }
}

/** A step whose loss or gradients were not finite. */
export interface FailedStep {
  readonly indices: Uint32Array
  /** From 1. */
  readonly step: number
  readonly seed: number
  /** Where training stood. */
  readonly at: Progress
  readonly loss: number
  /** The loss scale, if there was one. */
  readonly scale: number | undefined
}

/** Runs a failed step again, op by op, and names the layer where the first non-finite value appears. */
export async function explain(trainer: Trainer, failed: FailedStep): Promise<NonFiniteError> {
  const { indices, step, seed, at, loss, scale } = failed
  const spoilt = await spoiltBy(trainer)
  const replayed = trainer.replay(indices, {
    step: step - 1,
    seed,
    at,
    ...(scale !== undefined && { scale })
  })
  let found: Awaited<ReturnType<typeof findNonFinite>>
  for await (const net of replayed) {
    found = await findNonFinite(net)
    if (found) break
  }
  const { group } = trainer.net.placement
  const join = group?.joining('where a value was not finite')
  if (join) {
    const all = await join(Buffer.from(JSON.stringify(found ?? null)))
    const places = all.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as typeof found)
    found = places.find((place) => place !== null)
  }
  const began = found ? `; it began in ${found.place}` : ''
  const scaled = scale === undefined ? '' : `, at a loss scale of ${scale}`
  return new NonFiniteError(
    `[train] step ${step}: the loss is ${loss} or a gradient is not finite${began}${scaled}. ` +
      (spoilt ? `Already before it, ${spoilt.what}. ` : '') +
      'The weights are those from before this step. ' +
      'Try a smaller lr, or look at the images of this batch.',
    found?.layer ?? spoilt?.layer
  )
}

/**
 * Looks at what a step has made, before it is saved or handed over.
 * @param step that was the last, from 1
 * @throws NonFiniteError where a weight or the optimizer's state is not finite; it names the first one
 */
export async function requireFinite(trainer: Trainer, step: number): Promise<void> {
  const spoilt = await spoiltBy(trainer)
  if (!spoilt) return
  throw new NonFiniteError(
    `[train] step ${step}: expected weights that are finite, but after its update ${spoilt.what}. ` +
      'It is not saved. Try a smaller lr, from the checkpoint before if there is one.',
    spoilt.layer
  )
}

/** What updates have spoilt: a tensor, and the layer that it is of. */
async function spoiltBy(
  trainer: Trainer
): Promise<{ readonly what: string; readonly layer: string | undefined } | undefined> {
  if (await trainer.finite()) return undefined
  const { weights, optimizer } = await trainer.export()
  const layerOf = (name: string) =>
    trainer.net.parameters.all.find((parameter) => parameter.name === name)?.layer
  const weight = firstNotFinite(weights)
  if (weight) {
    return { what: `${weight.name} has a value of ${weight.value}`, layer: layerOf(weight.name) }
  }
  for (const [slot, tensors] of optimizer) {
    const state = firstNotFinite(tensors)
    if (!state) continue
    const what = `the optimizer's ${slot} of ${state.name} has a value of ${state.value}`
    return { what, layer: layerOf(state.name) }
  }
  return { what: 'a weight is not finite', layer: undefined }
}
