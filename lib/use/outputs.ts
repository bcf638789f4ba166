/** Computes a net's outputs for a set of images. */
import type { ImageSet } from '../data/dataset.ts'
import { anImageSet } from '../data/rules.ts'
import type { Net } from '../net/net.ts'
import { aNet } from '../net/rules.ts'
import { rowsOf } from '../training/evaluate/metrics.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { Feed } from '../training/input/feed.ts'
import { inputRule } from '../training/input/input-rule.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { signal as aSignal, maybe, record, whole } from '../util/check/rules.ts'

/** The outputs of consecutive images of a set. */
export interface OutputBatch {
  /** Number of the first image. */
  readonly first: number
  /** Number of images. */
  readonly rows: number
  /** [rows, net.classes], f32. */
  readonly values: Float32Array
}

/** Options of `outputs`. */
export interface OutputOptions {
  /** How images become the net's input: as in its training. Default: as `train` does without it. */
  readonly input?: InputRecipe | undefined
  /** Images in a batch. Default: the net's. */
  readonly batch?: number
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

const outputOptions = record<OutputOptions>({
  input: maybe(inputRule),
  batch: maybe(whole({ from: 1 })),
  signal: maybe(aSignal)
})

/**
 * Runs a net's forward pass over a set, in order, and yields the outputs of its last layer: logits, or the features
 * of a net that was cut by `upTo`. The device computes the next batch meanwhile. For probabilities see `evaluate`.
 *
 * @param net a build of any batch size, trained or for inference
 * @throws Error if the images do not fit the net
 * @throws the signal's reason if it is aborted
 *
 * @example
 * for await (const { first, rows, values } of outputs(net, data.test)) console.log(first, rows)
 */
export async function* outputs(
  net: Net,
  set: ImageSet,
  options: OutputOptions = {}
): AsyncGenerator<OutputBatch> {
  checkArguments('outputs', { net: [net, aNet], set: [set, anImageSet] })
  checkOptions('outputs', options, outputOptions)
  const { batch = net.batch, signal, input } = options
  const build = await net.at({ batch: Math.min(batch, set.length), training: false })
  const feed = net.own(await Feed.create(build, set, { input }))
  const logits = build.draft.stepIO.map(({ logits }) => logits.place)
  const inFlight: Promise<OutputBatch>[] = []
  try {
    for (let first = 0; first < set.length; first += build.batch) {
      signal?.throwIfAborted()
      const rows = Math.min(build.batch, set.length - first)
      const indices = Uint32Array.from({ length: rows }, (_, i) => first + i)
      const deliver = await feed.stage({ indices, step: 0, seed: 0 })
      const work = Promise.all([deliver(), build.forward(), rowsOf(build, rows, logits)])
      const output = work.then(([, , values]) => ({ first, rows, values }))
      // Awaited one batch later; an error must not count as unhandled until then.
      output.catch(() => {})
      inFlight.push(output)
      const done = inFlight.length === 2 ? inFlight.shift() : undefined
      if (done) yield await done
    }
    for (const output of inFlight) yield await output
  } finally {
    await Promise.allSettled(inFlight)
    net.disown(feed)
    feed.close()
  }
}
