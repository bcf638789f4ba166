import type { Progress } from '../../optim/schedule.ts'
import { findNonFinite } from './find-non-finite.ts'
import type { Trainer } from './trainer.ts'

/**
 * The loss or a gradient was not a finite number. `train` throws it. The weights are those from before the step.
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
  const began = found ? `; it began in ${found.place}` : ''
  const scaled = scale === undefined ? '' : `, at a loss scale of ${scale}`
  return new NonFiniteError(
    `[train] step ${step}: the loss is ${loss} or a gradient is not finite${began}${scaled}. ` +
      'The weights are those from before this step. ' +
      'Try a smaller lr, or look at the images of this batch.',
    found?.layer
  )
}
