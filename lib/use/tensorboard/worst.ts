/** Keeps the worst predictions of a validation: the wrong ones that give the true class the least probability. */
import type { ImageSet } from '../../data/dataset.ts'
import type { PredictedBatch } from '../../training/evaluate/evaluate.ts'

/** Predictions that are kept. */
const KEPT = 9

/** A wrong prediction. */
export interface WrongPrediction {
  /** The image's number in the set. */
  readonly image: number
  readonly truth: number
  readonly predicted: number
  /** Probability of the true class. */
  readonly probability: number
  /** Probability of the predicted class. */
  readonly most: number
}

export class WorstPredictions {
  #kept: WrongPrediction[] = []

  /** For the option `onBatch` of an evaluation. */
  readonly add = ({ numbers, labels, probabilities }: PredictedBatch): void => {
    const classes = probabilities.length / numbers.length
    for (const [row, truth] of labels.entries()) {
      const values = probabilities.subarray(row * classes, (row + 1) * classes)
      const probability = values[truth] ?? 0
      const last = this.#kept.at(-1)
      if (this.#kept.length === KEPT && last && probability >= last.probability) continue
      const most = Math.max(...values)
      const predicted = values.indexOf(most)
      // Without an order where one is not finite.
      if (predicted < 0 || predicted === truth || probability === most) continue
      this.#kept.push({ image: numbers[row] ?? 0, truth, predicted, probability, most })
      this.#kept.sort((a, b) => a.probability - b.probability || a.image - b.image)
      this.#kept.length = Math.min(this.#kept.length, KEPT)
    }
  }

  /** Those since the last call, the worst first. */
  take(): readonly WrongPrediction[] {
    const taken = this.#kept
    this.#kept = []
    return taken
  }
}

/** The pixels of some images of a set, u8 [row, column, channel] each. */
export async function pixelsOf(
  set: ImageSet,
  images: readonly number[]
): Promise<readonly Uint8Array[]> {
  const { height, width, channels } = set
  const size = height * width * channels
  const all = new Uint8Array(images.length * size)
  await set.read(Uint32Array.from(images), all, new Int32Array(images.length))
  return images.map((_, i) => all.subarray(i * size, (i + 1) * size))
}
