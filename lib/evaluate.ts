import type { ImageSet } from './data/dataset.ts'
import { Feed } from './feed.ts'
import { readStats } from './metrics.ts'
import type { Net } from './net.ts'

export interface EvaluateOptions {
  /** Images in a batch. Default: the net's. */
  readonly batch?: number
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with the images done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
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
 */
export async function evaluate(
  net: Net,
  set: ImageSet,
  options: EvaluateOptions = {}
): Promise<Evaluation> {
  const { batch = net.batch, signal, onProgress } = options
  const build = await net.at({ batch: Math.min(batch, set.length), training: false })
  const feed = net.own(await Feed.create(build, set))
  const start = performance.now()
  let loss = 0
  let top1 = 0
  let top5 = 0
  let done = 0
  const count = (rows: number, data: ArrayLike<number>) => {
    const stats = readStats(data)
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
      const work = Promise.all([
        deliver(),
        build.forward(),
        build.stream.read(build.ports.stats.place)
      ])
      flying.push(work.then(([, , stats]) => count(rows, stats)))
      if (flying.length === 2) await flying.shift()
    }
    for (const flight of flying.splice(0)) await flight
  } finally {
    await Promise.allSettled(flying)
    net.disown(feed)
    feed.close()
  }
  return {
    loss: loss / done,
    top1: top1 / done,
    top5: top5 / done,
    images: done,
    imagesPerSecond: done / ((performance.now() - start) / 1000)
  }
}
