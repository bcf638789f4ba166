import type { Progress } from '../../optim/schedule.ts'
import { findNonFinite } from './find-non-finite.ts'
import type { Trainer } from './trainer.ts'

/** A loss or gradient was not finite. The weights are those from before the step. */
export class NonFiniteError extends Error {
  override name = 'NonFiniteError'
  /** Where it began, where that was found. */
  readonly layer: string | undefined

  constructor(message: string, layer?: string) {
    super(message)
    this.layer = layer
  }
}

/** A step that failed. */
export interface Failed {
  readonly indices: Uint32Array
  /** From 1. */
  readonly step: number
  readonly seed: number
  /** Where training stood. */
  readonly at: Progress
  readonly loss: number
  /** Where the loss is scaled. */
  readonly scale: number | undefined
}

/** Runs a batch again, one op at a time, and names the layer where a value first was not finite. */
export async function explain(trainer: Trainer, failed: Failed): Promise<NonFiniteError> {
  const { indices, step, seed, at: stood, loss, scale } = failed
  const scaled = scale === undefined ? {} : { scale }
  let found: Awaited<ReturnType<typeof findNonFinite>>
  for await (const net of trainer.replay(indices, { step: step - 1, seed, at: stood, ...scaled })) {
    found = await findNonFinite(net)
    if (found) break
  }
  const began = found ? `; it began in ${found.place}` : ''
  const at = scale === undefined ? '' : `, at a loss scale of ${scale}`
  return new NonFiniteError(
    `[train] step ${step}: the loss is ${loss} or a gradient is not finite${began}${at}. ` +
      'The weights are those from before this step. ' +
      'Try a smaller lr, or look at the images of this batch.',
    found?.layer
  )
}
