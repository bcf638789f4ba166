/** The JSON lines of `alexnode train --json`. */
import { waitingShare } from '../../run/waiting-share.ts'
import type { Evaluation } from '../../training/evaluate/evaluate.ts'
import type { RangeTest } from '../../training/range-test.ts'
import type { Diagnosis, RateChange, Step, Validation } from '../../training/train.ts'

export function stepJson(done: Step): object {
  const { step, loss, top1, imagesPerSecond, gradientNorm, lossScale, skipped } = done
  const waiting = waitingShare(done)
  return {
    step,
    loss,
    top1,
    images_per_s: imagesPerSecond,
    ...(waiting !== undefined && { waiting }),
    ...(gradientNorm !== undefined && { gradient_norm: gradientNorm }),
    ...(lossScale !== undefined && { loss_scale: lossScale, skipped })
  }
}

export function rateJson(step: number, { old, lr }: RateChange): object {
  return { step, lr_old: old, lr_new: lr }
}

export function validationJson({ step, loss, top1, notFinite, best, factor }: Validation): object {
  return {
    step,
    validation_loss: loss,
    validation_top1: top1,
    ...(notFinite > 0 && { validation_not_finite: notFinite }),
    best,
    ...(factor !== undefined && { lr_factor: factor })
  }
}

export function diagnosisJson({ step, kind, layer, text }: Diagnosis): object {
  return { step, diagnosis: kind, ...(layer !== undefined && { layer }), text }
}

/**
 * @param standstill what is wrong with a run that learnt nothing
 * @param damaged images that were skipped
 */
export function resultJson(
  result: Evaluation | undefined,
  steps: number,
  standstill: string | undefined,
  damaged: number
): object {
  const spoilt = result && result.notFinite > 0 && { test_not_finite: result.notFinite }
  return {
    final: true,
    ...(result && { test_top1: result.top1, test_loss: result.loss }),
    ...spoilt,
    steps,
    ...(damaged > 0 && { skipped_images: damaged }),
    ...(standstill !== undefined && { standstill })
  }
}

/** @param lr the rate that is used */
export function rangeJson({ reason, points }: RangeTest, lr: number): object {
  return { range_test: points, lr, reason }
}
