import type { Span } from '../bench/timeline.ts'
import type { Stats } from '../evaluate/metrics.ts'

/** What the device reports of one step. */
export interface StepResult extends Stats {
  /** True if all gradients were finite. If not, the device skipped the update. */
  readonly finite: boolean
  /** When the step was done, as `performance.now()`. */
  readonly settled: number
  /** With `clipNorm`: the norm of the gradient, unscaled, before clipping. */
  readonly gradientNorm?: number
  /** If timed: when the calls of its last micro-batch ran. */
  readonly spans?: readonly Span[]
}

/** What the device reports of one micro-batch. */
export interface MicroBatchResult extends Stats {
  readonly share: number
  readonly finite: boolean
  readonly settled: number
  /** Still multiplied by the loss scale; undefined unless it ends a clipped update. */
  readonly gradientNorm: number | undefined
  readonly spans: readonly Span[] | undefined
}

/**
 * Merges the results of a step's micro-batches.
 * @param scale the loss scale
 */
export function mergeResults(batches: readonly MicroBatchResult[], scale: number): StepResult {
  const sum = (of: (batch: MicroBatchResult) => number) =>
    batches.reduce((all, one) => all + of(one), 0)
  const { finite = false, settled = Number.NaN, gradientNorm, spans } = batches.at(-1) ?? {}
  return {
    loss: sum(({ loss, share }) => loss * share),
    top1: sum(({ top1 }) => top1),
    top5: sum(({ top5 }) => top5),
    notFinite: sum(({ notFinite }) => notFinite),
    finite,
    settled,
    ...(gradientNorm !== undefined && { gradientNorm: gradientNorm / scale }),
    ...(spans && { spans })
  }
}
