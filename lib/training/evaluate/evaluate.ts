import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { type InputRecipe, settleInput } from '../input/augment.ts'
import { Feed } from '../input/feed.ts'
import { tenViews } from '../input/net-input.ts'
import { type Judged, rowsOf, type Stats, statsOf } from './metrics.ts'
import { Views } from './views.ts'

export interface EvaluateOptions {
  /** Images in a batch. Default: the net's. */
  readonly batch?: number
  /** As the net was trained with. Default: that of `train`. Nothing is left to chance here. */
  readonly input?: InputRecipe | undefined
  /**
   * 1: the centre of each image, or all of it where images are resized. 10: centre and corners, each as it
   * is and mirrored, their softmaxes averaged. Default 1.
   */
  readonly views?: 1 | 10
  /** Told of each batch what the net says. */
  readonly onBatch?: ((batch: JudgedBatch) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with the images done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What a net says of a batch. */
export interface JudgedBatch {
  /** Number of its first image in the set. */
  readonly first: number
  /** i32 [images]. */
  readonly labels: Int32Array
  /** [images, classes], row by row: each row adds up to 1. */
  readonly probabilities: Float32Array
}

export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  /** Fraction of images whose class came first. */
  readonly top1: number
  /** Fraction of images whose class was among the first five. */
  readonly top5: number
  readonly images: number
  readonly imagesPerSecond: number
}

/**
 * Runs a net over a whole set, forward alone, with running statistics and without dropout.
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
  const { batch = net.batch, signal, onProgress, onBatch } = options
  const build = await net.at({ batch: Math.min(batch, set.length), training: false })
  await using judge = await openJudge(build, set, options)
  const { feed, judged } = judge
  const start = performance.now()
  let loss = 0
  let top1 = 0
  let top5 = 0
  let done = 0
  const count = (rows: number, stats: Stats) => {
    loss += stats.loss * rows
    top1 += stats.top1
    top5 += stats.top5
    done += rows
    onProgress?.(done, set.length)
  }
  const flying: Promise<void>[] = []
  try {
    for (let from = 0; from < set.length; from += build.batch) {
      signal?.throwIfAborted()
      const rows = Math.min(build.batch, set.length - from)
      const indices = Uint32Array.from({ length: rows }, (_, i) => from + i)
      const deliver = await feed.stage({ indices, step: 0, seed: 0 })
      const labels = onBatch && feed.labels.slice(0, rows)
      const ran = judge.run(deliver)
      const stats = statsOf(build, rows, judged)
      const said = judged.map(({ probabilities }) => probabilities)
      const probabilities = onBatch && rowsOf(build, rows, said)
      const work = Promise.all([stats, probabilities, ran])
      flying.push(
        work.then(([stats, probabilities]) => {
          if (labels && probabilities) {
            onBatch?.({ first: from, labels, probabilities })
          }
          count(rows, stats)
        })
      )
      if (flying.length === 2) await flying.shift()
    }
    for (const flight of flying.splice(0)) await flight
  } finally {
    await Promise.allSettled(flying)
  }
  return {
    loss: loss / done,
    top1: top1 / done,
    top5: top5 / done,
    images: done,
    imagesPerSecond: done / ((performance.now() - start) / 1000)
  }
}

/** What brings batches to a net, and where its judgement of them lies. */
interface Judge extends AsyncDisposable {
  readonly feed: Feed
  /** By replica of the net. */
  readonly judged: readonly Judged[]
  run(deliver: () => Promise<void>): Promise<unknown>
}

async function openJudge(
  build: Net,
  set: ImageSet,
  { input, views = 1 }: EvaluateOptions
): Promise<Judge> {
  if (views === 1) {
    const feed = build.own(await Feed.create(build, set, { input }))
    const judged = build.heads.map(({ stats, probabilities }) => {
      if (!probabilities) throw new Error('[evaluate] expected a net built for inference')
      return { stats: stats.place, probabilities: probabilities.place }
    })
    return {
      feed,
      judged,
      run: (deliver) => Promise.all([deliver(), build.forward()]),
      [Symbol.asyncDispose]: async () => close(build, feed)
    }
  }
  const size = build.definition.input
  if (settleInput(input, set, size).fit === 'resize') {
    throw new Error(
      `[evaluate] expected images to crop for ${views} views, got ${set.height}×${set.width} that are ` +
        `resized to ${size.height}×${size.width}: use views 1, or an input of fit "crop"`
    )
  }
  const list = tenViews(set, size)
  const all = build.own(await Views.create(build, list.length))
  try {
    const run = all.run.bind(all)
    const feed = build.own(await Feed.create(build, set, { input, views: list, run }))
    return {
      feed,
      judged: all.judged,
      run: (deliver) => {
        build.refresh()
        return deliver()
      },
      [Symbol.asyncDispose]: async () => close(build, feed, all)
    }
  } catch (error) {
    close(build, all)
    throw error
  }
}

function close(build: Net, ...children: readonly (Feed | Views)[]): void {
  for (const child of children) {
    build.disown(child)
    child.close()
  }
}
