/** What a net reaches that has learnt nothing but how frequent the classes are. */
import type { Evaluation } from '../evaluate/evaluate.ts'

/** The best that can be had without looking at the images. */
export interface Guess {
  /** Always the most frequent class: its share. */
  readonly top1: number
  /** Always the shares as probabilities: their entropy, in nats. */
  readonly loss: number
}

/** A result counts as guessing within so many standard deviations of the share. */
const DEVIATIONS = 2
/** The share of the entropy from which on a loss is no gain. */
const NO_GAIN = 0.98

/**
 * The guess for images of these labels.
 * @param images of each class
 */
export function guessOf(images: readonly number[]): Guess {
  const all = images.reduce((sum, count) => sum + count, 0)
  const shares = images.filter((count) => count > 0).map((count) => count / all)
  return {
    top1: Math.max(0, ...shares),
    loss: shares.reduce((sum, share) => sum - share * Math.log(share), 0)
  }
}

/** True if a test shows neither by its top-1 nor by its loss that the net knows more than the guess. */
export function isGuess(
  { top1, loss, images }: Pick<Evaluation, 'top1' | 'loss' | 'images'>,
  guess: Guess
): boolean {
  const deviation = Math.sqrt((guess.top1 * (1 - guess.top1)) / images)
  return top1 <= guess.top1 + DEVIATIONS * deviation && loss >= NO_GAIN * guess.loss
}

/** True if a mean loss of training is no gain over equal probabilities for all classes. */
export function isGuessedLoss(loss: number, classes: number): boolean {
  return loss >= NO_GAIN * Math.log(classes)
}
