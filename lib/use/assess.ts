/** How often one or several trained nets are right, judged together by the mean of their probabilities. */
import { DataError, type ImageSet } from '../data/dataset.ts'
import {
  type EvaluateOptions,
  evaluate,
  type PredictedBatch
} from '../training/evaluate/evaluate.ts'
import { Scores } from './scores.ts'
import type { Trained } from './trained.ts'

export interface AssessOptions extends Pick<EvaluateOptions, 'views' | 'signal' | 'batch'> {
  /** Called after each batch with the images done, each once for each net. */
  readonly onProgress?: EvaluateOptions['onProgress']
}

/**
 * Runs trained nets over a labelled set. Each gets the images as it was trained on them. For several, the
 * probabilities of all images are kept: four bytes for each image and class.
 *
 * @returns in the first net's classes
 * @throws DataError where a net does not know the images' classes, or nets know different ones
 *
 * @example
 * const scores = await assess([one, other], data.test, { views: 10 })
 * console.log(scores.top1Error, scores.confusions(10))
 */
export async function assess(
  nets: readonly [Trained, ...Trained[]],
  set: ImageSet,
  options: AssessOptions = {}
): Promise<Scores> {
  const [first, ...others] = nets
  const { onProgress, ...rest } = options
  const orders = nets.map((net) => orderOf(net, first))
  const scores = new Scores(first.classes)
  const each = async (number: number, net: Trained, onBatch: (batch: PredictedBatch) => void) => {
    const before = number * set.length
    await evaluate(net.net, net.take(set), {
      ...{ ...rest, input: net.facts.input, onBatch },
      onProgress: (done) => onProgress?.(before + done, nets.length * set.length)
    })
  }
  if (others.length === 0) {
    await each(0, first, ({ probabilities, labels }) => scores.add(probabilities, labels))
    return scores
  }
  const width = first.classes.length
  const mean = new Float32Array(set.length * width)
  const truth = new Int32Array(set.length)
  for (const [number, net] of nets.entries()) {
    const order = orders[number] ?? []
    await each(number, net, ({ first: from, probabilities, labels }) => {
      if (net === first) truth.set(labels, from)
      for (let row = 0; row < probabilities.length; row += width) {
        for (const [own, place] of order.entries()) {
          mean[from * width + row + place]! += probabilities[row + own]! / nets.length
        }
      }
    })
  }
  scores.add(mean, truth)
  return scores
}

/** For each class of `net`, its place among the classes of `first`. */
function orderOf(net: Trained, first: Trained): readonly number[] {
  const places = new Map(first.classes.map((name, i) => [name, i]))
  const order = net.classes.flatMap((name) => places.get(name) ?? [])
  if (order.length === first.classes.length && order.length === net.classes.length) return order
  throw new DataError(
    `[evaluate] expected nets of the same classes, got ${first.classes.length} in ` +
      `${first.facts.folder} and ${net.classes.length} in ${net.facts.folder}, ${order.length} of ` +
      'them in both: average nets that were trained on the same classes'
  )
}
