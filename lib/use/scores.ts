/** How often a net is right: top-1, top-5, by class, and what it takes for what. */

/** One class's share. */
export interface ClassScore {
  readonly name: string
  readonly images: number
  /** Fractions of its images; NaN where it has none. */
  readonly top1Error: number
  readonly top5Error: number
}

/** Images of one class that were taken for another. */
export interface Confusion {
  readonly truth: string
  readonly predicted: string
  readonly images: number
}

/** Counts predictions. `add` takes them batch by batch. */
export class Scores {
  readonly classes: readonly string[]
  /** [truth, predicted], row-major. */
  readonly confusion: Uint32Array
  readonly #top5: Uint32Array
  readonly #counts: Uint32Array
  #loss = 0

  constructor(classes: readonly string[]) {
    this.classes = classes
    this.confusion = new Uint32Array(classes.length ** 2)
    this.#top5 = new Uint32Array(classes.length)
    this.#counts = new Uint32Array(classes.length)
  }

  /** @param probabilities [labels.length, classes] */
  add(probabilities: Float32Array, labels: Int32Array): void {
    const width = this.classes.length
    for (const [row, label] of labels.entries()) {
      const values = probabilities.subarray(row * width, (row + 1) * width)
      this.confusion[label * width + first(values)]! += 1
      this.#counts[label]! += 1
      if (place(values, label) < 5) this.#top5[label]! += 1
      // As the loss in training, whose logarithm is never of zero.
      this.#loss -= Math.log(Math.max(values[label] ?? 0, 1e-30))
    }
  }

  get images(): number {
    return sum(this.#counts)
  }

  /** Fraction of images whose class did not come first. */
  get top1Error(): number {
    return wrong(this.#right, this.images)
  }

  /** Fraction of images whose class was not among the first five. */
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

  /** Every class, in the net's order. */
  get perClass(): readonly ClassScore[] {
    const width = this.classes.length
    return this.classes.map((name, i) => {
      const images = this.#counts[i] ?? 0
      const right = this.confusion[i * width + i] ?? 0
      const among = this.#top5[i] ?? 0
      return { name, images, top1Error: wrong(right, images), top5Error: wrong(among, images) }
    })
  }

  /** What was taken for what, the most frequent first. */
  confusions(most = Number.POSITIVE_INFINITY): readonly Confusion[] {
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

  /** The whole matrix as CSV: a row for each true class, a column for each predicted one. */
  csv(): string {
    const width = this.classes.length
    const names = this.classes.map(quoted)
    const rows = names.map((name, i) => {
      return [name, ...this.confusion.subarray(i * width, (i + 1) * width)].join(',')
    })
    return `${[['truth', ...names].join(','), ...rows].join('\n')}\n`
  }
}

/** One class of a prediction. */
export interface Ranked {
  readonly label: number
  readonly probability: number
}

/** The first classes of one image, the likeliest first; of equal ones, the first in the net's order. */
export function ranked(probabilities: Float32Array, most: number): readonly Ranked[] {
  return Array.from(probabilities, (probability, label) => ({ label, probability }))
    .sort((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, most)
}

/** The fraction that is not right: of whole numbers, so that .2 is .2. */
function wrong(right: number, images: number): number {
  return (images - right) / images
}

/** How many classes come before this one, counted as training counts: of equal ones the first wins. */
function place(values: Float32Array, label: number): number {
  const own = values[label] ?? Number.NaN
  // A probability that is none is not right.
  if (Number.isNaN(own)) return values.length
  let before = 0
  for (const [i, value] of values.entries()) {
    if (value > own || (value === own && i < label)) before += 1
  }
  return before
}

function first(values: Float32Array): number {
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
