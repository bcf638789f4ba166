/** The last lines of a run that learnt nothing. */
import type { Evaluation } from '../../training/evaluate/evaluate.ts'
import { guessOf, isGuess, isGuessedLoss } from '../../training/watch/guessing.ts'
import { fraction } from '../shared/format.ts'

export interface Outcome {
  /** Of the test; undefined: there was none. */
  readonly result: Evaluation | undefined
  /** Images by class: of the test. */
  readonly images: readonly number[]
  /** The mean loss of the last steps of training; undefined: there was none. */
  readonly loss: number | undefined
}

/** A mean loss of training below this share of guessing's has learnt more than how frequent the classes are. */
const LEARNT = 0.7
const TRY =
  'Train longer, leave rate and optimizer to their defaults, or let --lr auto look for a rate.'

/** What is wrong with a run that only guesses; undefined for one that learnt something, or made no step. */
export function standstillText({ result, images, loss }: Outcome): string | undefined {
  if (loss === undefined) return undefined
  const classes = images.length
  if (!result) {
    if (!isGuessedLoss(loss, classes)) return undefined
    return (
      `The loss of the last steps, ${loss.toFixed(3)}, is no better than guessing, which gives ` +
      `ln ${classes} = ${Math.log(classes).toFixed(3)}: the net has learnt nothing. ${TRY}`
    )
  }
  const guess = guessOf(images)
  if (!isGuess(result, guess)) return undefined
  const share = fraction(guess.top1)
  const equal = Math.abs(guess.top1 - 1 / classes) < 0.0005
  const why = equal
    ? `each of the ${classes} classes has ${share} of the test images`
    : `the largest class has ${share} of the test images`
  const what = `Test top-1 ${fraction(result.top1)} is what guessing gives: ${why}`
  return loss > LEARNT * Math.log(classes)
    ? `${what}. The net has learnt nothing that helps. ${TRY}`
    : `${what}. But the loss in training fell to ${loss.toFixed(3)}: the net knows its training images by ` +
        'heart, or the test images are of another kind, or their labels are.'
}
