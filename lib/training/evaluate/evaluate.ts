import type { ImageSet } from '../../data/dataset.ts'
import { anImageSet } from '../../data/rules.ts'
import type { Group } from '../../group/group.ts'
import type { Net } from '../../net/net.ts'
import { aNet } from '../../net/rules.ts'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import {
  signal as aSignal,
  callback,
  maybe,
  oneOf,
  type Rules,
  record,
  whole
} from '../../util/check/rules.ts'
import type { InputRecipe } from '../input/augment.ts'
import type { Feed } from '../input/feed.ts'
import { inputRule } from '../input/input-rule.ts'
import { labelsOf, rowsOf, type Stats, statsOf } from './metrics.ts'
import { openPredictor } from './predictor.ts'

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Images in a batch. Default: the net's batch. */
  readonly batch?: number
  /** How images become the net's input: as in training, but nothing is random. Default: that of `train`. */
  readonly input?: InputRecipe | undefined
  /**
   * 1: the centre crop, or the whole image if images are resized. 10: centre and corners, each as it is and flipped;
   * their softmaxes are averaged, so the head's `output` must be softmax. Default 1. Source of 10: Krizhevsky et al.
   * 2012, section 4.1.
   */
  readonly views?: 1 | 10
  /** Called with the predictions of each batch. */
  readonly onBatch?: ((batch: PredictedBatch) => void) | undefined
  /** Aborts the evaluation, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with the number of images done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What they must be. */
export const evaluateRules: Rules<EvaluateOptions> = {
  batch: maybe(whole({ from: 1 })),
  input: maybe(inputRule),
  views: maybe(oneOf(1, 10)),
  onBatch: maybe(callback),
  signal: maybe(aSignal),
  onProgress: maybe(callback)
}
const evaluateRule = record<EvaluateOptions>(evaluateRules)

/** A net's predictions for a batch. */
export interface PredictedBatch {
  /** Number of its first image in the set. */
  readonly first: number
  /** u32 [images]: their numbers in the set. Damaged images are left out, see `ImageSet.isDamaged`. */
  readonly numbers: Uint32Array
  /** i32 [images]: the true classes. */
  readonly labels: Int32Array
  /**
   * f32 [images, classes]: softmax of the logits, so that each row adds up to 1; sigmoids if the head's `output` says
   * so.
   */
  readonly probabilities: Float32Array
}

/** How well a net predicts a set. */
export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  /** Fraction of images whose class came first. */
  readonly top1: number
  /** Fraction of images whose class was among the first five. */
  readonly top5: number
  /**
   * Images whose loss is not finite: an output was NaN or infinite. They are wrong in `top1` and `top5`, and `loss` is
   * not finite if there is one.
   */
  readonly notFinite: number
  /** Images of the set, but for damaged ones. */
  readonly images: number
  /** Pace, over the whole evaluation. */
  readonly imagesPerSecond: number
}

/**
 * Runs the forward pass over a whole set, with running statistics and without dropout, and compares the predictions
 * with the labels.
 *
 * @param net built for training or for inference
 * @param set images of the net's channels and classes
 * @throws Error where the images do not suit the net; the signal's reason where it was aborted
 *
 * @example
 * const { top1 } = await evaluate(net, data.test, { views: 10 })
 */
export async function evaluate(
  net: Net,
  set: ImageSet,
  options: EvaluateOptions = {}
): Promise<Evaluation> {
  checkArguments('evaluate', { net: [net, aNet], set: [set, anImageSet] })
  checkOptions('evaluate', options, evaluateRule)
  const { batch = net.batch, signal, onProgress, onBatch, input, views = 1 } = options
  const build = await net.at({ batch: Math.min(batch, set.length), training: false })
  await using predictor = await openPredictor(build, set, { input, views })
  const { feed, predictions } = predictor
  const start = performance.now()
  let loss = 0
  let top1 = 0
  let top5 = 0
  let notFinite = 0
  let done = 0
  const count = (rows: number, stats: Stats, end: number) => {
    loss += stats.loss * rows
    top1 += stats.top1
    top5 += stats.top5
    notFinite += stats.notFinite
    done += rows
    onProgress?.(end, set.length)
  }
  const inFlight: Promise<void>[] = []
  try {
    for (let from = 0; from < set.length; from += build.batch) {
      signal?.throwIfAborted()
      const all = Uint32Array.from(
        { length: Math.min(build.batch, set.length - from) },
        (_, i) => from + i
      )
      const end = from + all.length
      const batch = await stageWhole(feed, all, async () => {
        // The slot that is staged next may be in flight.
        for (const other of inFlight.splice(0)) await other
      })
      if (!batch) {
        onProgress?.(end, set.length)
        continue
      }
      const { numbers, deliver } = batch
      const rows = numbers.length
      const labels = onBatch && labelsOf(build, rows, feed.labels)
      const ran = predictor.run(deliver)
      const stats = statsOf(build, rows, predictions)
      const softmax = predictions.map(({ probabilities }) => probabilities)
      const probabilities = onBatch && rowsOf(build, rows, softmax)
      const work = Promise.all([stats, labels, probabilities, ran])
      inFlight.push(
        work.then(([stats, labels, probabilities]) => {
          if (labels && probabilities) onBatch?.({ first: from, numbers, labels, probabilities })
          count(rows, stats, end)
        })
      )
      if (inFlight.length === 2) await inFlight.shift()
    }
    for (const batch of inFlight.splice(0)) await batch
  } finally {
    await Promise.allSettled(inFlight)
  }
  return {
    loss: loss / done,
    top1: top1 / done,
    top5: top5 / done,
    notFinite,
    images: done,
    imagesPerSecond: done / ((performance.now() - start) / 1000)
  }
}

/**
 * Stages those of the images that are not damaged, which may show only when they are read: by one of the processes,
 * if there are several.
 * @param settle waits for what is in flight; called before another try
 * @returns undefined if none is left
 */
async function stageWhole(feed: Feed, images: Uint32Array, settle: () => Promise<void>) {
  const { set, net } = feed
  const { group } = net.placement
  // What one process knows from before, others may not.
  let numbers = group ? images : images.filter((i) => !set.isDamaged?.(i))
  while (numbers.length > 0) {
    const deliver = await feed.stage({ indices: numbers, step: 0, seed: 0 })
    const damaged = set.isDamaged
      ? await byAny(
          group,
          images.filter((i) => set.isDamaged?.(i))
        )
      : new Set<number>()
    const left = images.filter((i) => !damaged.has(i))
    if (left.length === numbers.length) return { numbers, deliver }
    await settle()
    numbers = left
  }
  return undefined
}

/** The numbers that any of the processes names. */
async function byAny(group: Group | undefined, own: Uint32Array): Promise<ReadonlySet<number>> {
  if (!group) return new Set(own)
  const all = await group.joining('damaged images of a batch')(new Uint8Array(own.buffer))
  return new Set(all.flatMap((bytes) => [...new Uint32Array(bytes.slice().buffer)]))
}
