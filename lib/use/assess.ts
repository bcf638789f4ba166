/** Scores trained nets on labelled images, one by one or averaged. */
import { DataError, type ImageSet } from '../data/dataset.ts'
import { anImageSet } from '../data/rules.ts'
import {
  type EvaluateOptions,
  evaluate,
  evaluateRules,
  type PredictedBatch
} from '../training/evaluate/evaluate.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { instance, list, record } from '../util/check/rules.ts'
import { someOf } from '../util/words.ts'
import { classPlaces } from './class-places.ts'
import { Scores } from './scores.ts'
import { Trained } from './trained.ts'

/** Options of `assess`. */
export interface AssessOptions extends Pick<EvaluateOptions, 'views' | 'signal' | 'batch'> {
  /** Called after each batch with the images done and their total; each image counts once for each net. */
  readonly onProgress?: EvaluateOptions['onProgress']
}

const { views, signal, batch, onProgress } = evaluateRules
const assessOptions = record<AssessOptions>({ views, signal, batch, onProgress })
const trainedNets = list(instance(Trained, 'a net that openTrained() opened'), { least: 1 })

/**
 * Scores one trained net, or the mean of the probabilities of several. Each net takes the images as in its
 * training. Averaging keeps all probabilities in memory: 4 bytes an image and class.
 *
 * @param nets at least one
 * @param set labelled images; their classes are matched by name
 * @param options default: one view of each image, in the batches of each net
 * @returns scores in the classes of the first net
 * @throws DataError if a net does not know the classes of the images, or the nets' classes differ
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
  checkArguments('assess', { nets: [nets, trainedNets], set: [set, anImageSet] })
  checkOptions('assess', options, assessOptions)
  const [first, ...others] = nets
  const orders = nets.map((net) => orderOf(net, first))
  const scores = new Scores(first.classes)
  const progress = { done: 0, total: nets.length * set.length }
  if (others.length === 0) {
    await judge(first, set, options, progress, ({ probabilities, labels }) => {
      scores.add(probabilities, labels)
    })
    return scores
  }
  const width = first.classes.length
  const mean = new Float32Array(set.length * width)
  const truth = new Int32Array(set.length)
  for (const [number, net] of nets.entries()) {
    const order = orders[number] ?? new Int32Array()
    await judge(net, set, options, progress, ({ numbers, probabilities, labels }) => {
      for (const [row, image] of numbers.entries()) {
        if (net === first) truth[image] = labels[row] ?? -1
        for (const [own, place] of order.entries()) {
          mean[image * width + place]! += probabilities[row * width + own]! / nets.length
        }
      }
    })
    progress.done += set.length
  }
  for (const [image, label] of truth.entries()) {
    if (set.isDamaged?.(image)) continue
    scores.add(mean.subarray(image * width, (image + 1) * width), Int32Array.of(label))
  }
  return scores
}

/** Evaluates one net; `progress.done` images were done before it. */
async function judge(
  trained: Trained,
  set: ImageSet,
  { onProgress, ...rest }: AssessOptions,
  progress: { readonly done: number; readonly total: number },
  onBatch: (batch: PredictedBatch) => void
): Promise<void> {
  await evaluate(trained.net, trained.take(set), {
    ...rest,
    input: trained.facts.input,
    onBatch,
    onProgress: (done) => onProgress?.(progress.done + done, progress.total)
  })
}

/** For each class of `net`, its place among the classes of `first`. */
function orderOf(net: Trained, first: Trained): Int32Array {
  const found = classPlaces(net.classes, first.classes)
  if ('places' in found && found.places.length === first.classes.length) return found.places
  const known = new Set(first.classes)
  const both = net.classes.filter((name) => known.has(name)).length
  const why = 'twice' in found ? `, and several named ${someOf(found.twice)}, in other orders` : ''
  throw new DataError(
    `[evaluate] expected nets of the same classes, got ${first.classes.length} in ` +
      `${first.facts.folder} and ${net.classes.length} in ${net.facts.folder}, ${both} of ` +
      `them in both${why}: average nets that were trained on the same classes`
  )
}
