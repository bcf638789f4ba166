/** Scores of a classifier: top-1 and top-5 error, per class, and confusions. */

import { classesRule } from '../data/rules.ts'
import { checkArguments } from '../util/check/check.ts'
import { either, oneOf, typed, whole } from '../util/check/rules.ts'

const all = oneOf(Number.POSITIVE_INFINITY)

/** Scores of one class. */
export interface ClassScore {
  /** Name of the class. */
  readonly name: string
  /** Number of its images. */
  readonly images: number
  /** Fraction of its images whose class is not ranked first; NaN if it has no images. */
  readonly top1Error: number
  /** Fraction of its images whose class is not among the first five; NaN if it has no images. */
  readonly top5Error: number
}

/** Images of one class that were classified as another. */
export interface Confusion {
  /** True class. */
  readonly truth: string
  /** Predicted class. */
  readonly predicted: string
  /** Number of images. */
  readonly images: number
}

/**
 * Counts the predictions of a classifier.
 *
 * @example
 * const scores = new Scores(['cat', 'dog'])
 * scores.add(Float32Array.of(0.9, 0.1), Int32Array.of(1))
 * console.log(scores.top1Error) // 1
 */
export class Scores {
  /** Names of the classes, in the order of the net's outputs. */
  readonly classes: readonly string[]
  /** Counts of images, [true class, predicted class], row-major. */
  readonly confusion: Uint32Array
  readonly #top5: Uint32Array
  readonly #counts: Uint32Array
  #loss = 0
  #notFinite = 0

  /** @param classes names, in the order of the net's outputs */
  constructor(classes: readonly string[]) {
    checkArguments('scores', { classes: [classes, classesRule] })
    this.classes = classes
    this.confusion = new Uint32Array(classes.length ** 2)
    this.#top5 = new Uint32Array(classes.length)
    this.#counts = new Uint32Array(classes.length)
  }

  /**
   * Adds the predictions of some images. Of classes with equal probability the first is ranked first. An image with a
   * probability that is NaN has no predicted class: it is wrong, and not in `confusion`.
   *
   * @param probabilities [images, classes]
   * @param labels true class of each image
   * @throws RangeError for another number of probabilities, and for labels of no class; nothing is added then
   */
  add(probabilities: Float32Array, labels: Int32Array): void {
    const width = this.classes.length
    checkArguments('scores', {
      probabilities: [probabilities, typed('Float32Array')],
      labels: [labels, typed('Int32Array')]
    })
    if (probabilities.length !== labels.length * width) {
      throw new RangeError(
        `[scores] probabilities: expected ${labels.length} × ${width}, got ${probabilities.length}`
      )
    }
    const odd = labels.find((label) => label < 0 || label >= width)
    if (odd !== undefined) {
      throw new RangeError(`[scores] labels: expected 0 to ${width - 1}, got ${odd}`)
    }
    for (const [row, label] of labels.entries()) {
      const values = probabilities.subarray(row * width, (row + 1) * width)
      const predicted = argmax(values)
      if (predicted < 0) this.#notFinite += 1
      else this.confusion[label * width + predicted]! += 1
      this.#counts[label]! += 1
      if (rank(values, label) < 5) this.#top5[label]! += 1
      // Bounded from below, as in the training loss.
      this.#loss -= Math.log(Math.max(values[label] ?? 0, 1e-30))
    }
  }

  /** Number of images. */
  get images(): number {
    return sum(this.#counts)
  }

  /** Number of images with a probability that is NaN. */
  get notFinite(): number {
    return this.#notFinite
  }

  /** Fraction of images whose class is not ranked first. */
  get top1Error(): number {
    return wrong(this.#right, this.images)
  }

  /** Fraction of images whose class is not among the first five. */
  get top5Error(): number {
    return wrong(sum(this.#top5), this.images)
  }

  /** Mean cross-entropy, in nats. */
  get loss(): number {
    return this.#loss / this.images
  }

  get #right(): number {
    const width = this.classes.length
    return this.classes.reduce((right, _, i) => right + (this.confusion[i * width + i] ?? 0), 0)
  }

  /** Scores of each class, in the net's order. */
  get perClass(): readonly ClassScore[] {
    const width = this.classes.length
    return this.classes.map((name, i) => {
      const images = this.#counts[i] ?? 0
      const right = this.confusion[i * width + i] ?? 0
      const among = this.#top5[i] ?? 0
      return { name, images, top1Error: wrong(right, images), top5Error: wrong(among, images) }
    })
  }

  /**
   * Lists pairs of true and predicted class that differ, the most frequent first.
   * @param most length of the list. Default: all
   */
  confusions(most = Number.POSITIVE_INFINITY): readonly Confusion[] {
    checkArguments('scores', { most: [most, either(whole({ from: 0 }), all)] })
    const width = this.classes.length
    const found: Confusion[] = []
    for (const [at, images] of this.confusion.entries()) {
      const [truth, predicted] = [Math.floor(at / width), at % width]
      if (images === 0 || truth === predicted) continue
      const name = (i: number) => this.classes[i] ?? String(i)
      found.push({ truth: name(truth), predicted: name(predicted), images })
    }
    return found.sort((a, b) => b.images - a.images).slice(0, most)
  }

  /** The confusion matrix as CSV: a row for each true class, a column for each predicted class. */
  csv(): string {
    const width = this.classes.length
    const names = this.classes.map(quoted)
    const rows = names.map((name, i) => {
      return [name, ...this.confusion.subarray(i * width, (i + 1) * width)].join(',')
    })
    return `${[['truth', ...names].join(','), ...rows].join('\n')}\n`
  }
}

/** A class and its probability. */
export interface Ranked {
  readonly label: number
  readonly probability: number
}

/** Ranks the classes of one image by probability; of equal ones the first comes first, and NaN comes last. */
export function ranked(probabilities: Float32Array, most: number): readonly Ranked[] {
  const height = ({ probability }: Ranked) => (Number.isNaN(probability) ? -1 : probability)
  return Array.from(probabilities, (probability, label) => ({ label, probability }))
    .sort((a, b) => height(b) - height(a) || a.label - b.label)
    .slice(0, most)
}

/** The fraction that is wrong. Counts are subtracted first, so that 1 of 5 is exactly .2. */
function wrong(right: number, images: number): number {
  return (images - right) / images
}

/** The rank of a class, from 0; of equal ones the first comes first, as in the training metrics. */
function rank(values: Float32Array, label: number): number {
  // With a NaN among them there is no order.
  if (values.some(Number.isNaN)) return Number.POSITIVE_INFINITY
  const own = values[label] ?? 0
  let before = 0
  for (const [i, value] of values.entries()) {
    if (value > own || (value === own && i < label)) before += 1
  }
  return before
}

/** The class of the largest value, or -1 if one is NaN. */
function argmax(values: Float32Array): number {
  if (values.some(Number.isNaN)) return -1
  let best = 0
  for (const [i, value] of values.entries()) if (value > (values[best] ?? 0)) best = i
  return best
}

function sum(counts: Uint32Array): number {
  return counts.reduce((total, count) => total + count, 0)
}

function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
