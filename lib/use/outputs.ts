/** What a net's last layer gives for each image of a set, while the device works on the next batch. */

import type { ImageSet } from '../data/dataset.ts'
import type { Net } from '../net/net.ts'
import { rowsOf } from '../training/evaluate/metrics.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { Feed } from '../training/input/feed.ts'

/** Outputs of some images that follow each other in a set. */
export interface OutputBatch {
  /** The first image's number. */
  readonly first: number
  /** How many images. */
  readonly rows: number
  /** [rows, net.classes] */
  readonly values: Float32Array
}

export interface OutputOptions {
  /** As the net was trained with. */
  readonly input?: InputRecipe | undefined
  /** Images in a batch. Default: the net's. */
  readonly batch?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs a net over a whole set, in the set's order, forward alone: logits, or, of a net that was cut, what
 * its last layer gives. For probabilities see `evaluate`.
 *
 * @throws Error where the images do not suit the net; the signal's reason where it was aborted
 *
 * @example
 * for await (const { first, rows, values } of outputs(net, data.test)) console.log(first, rows)
 */
export async function* outputs(
  net: Net,
  set: ImageSet,
  options: OutputOptions = {}
): AsyncGenerator<OutputBatch> {
  const { batch = net.batch, signal, input } = options
  const build = await net.at({ batch: Math.min(batch, set.length), training: false })
  const feed = net.own(await Feed.create(build, set, { input }))
  const logits = build.heads.map(({ logits }) => logits.place)
  const flying: Promise<OutputBatch>[] = []
  try {
    for (let first = 0; first < set.length; first += build.batch) {
      signal?.throwIfAborted()
      const rows = Math.min(build.batch, set.length - first)
      const indices = Uint32Array.from({ length: rows }, (_, i) => first + i)
      const deliver = await feed.stage({ indices, step: 0, seed: 0 })
      const work = Promise.all([deliver(), build.forward(), rowsOf(build, rows, logits)])
      const flight = work.then(([, , values]) => ({ first, rows, values }))
      flight.catch(() => {})
      flying.push(flight)
      const done = flying.length === 2 ? flying.shift() : undefined
      if (done) yield await done
    }
    for (const flight of flying) yield await flight
  } finally {
    await Promise.allSettled(flying)
    net.disown(feed)
    feed.close()
  }
}
