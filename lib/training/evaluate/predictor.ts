import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { type InputRecipe, resolveInput } from '../input/augment.ts'
import { Feed } from '../input/feed.ts'
import { tenViews } from '../input/net-input.ts'
import type { Predictions } from './metrics.ts'
import { Views } from './views.ts'

export interface PredictorOptions {
  readonly input: InputRecipe | undefined
  readonly views: 1 | 10
}

/** Runs batches of a set through a net. */
export interface Predictor extends AsyncDisposable {
  readonly feed: Feed
  /** By replica of the net. */
  readonly predictions: readonly Predictions[]
  /** Queues the forward pass of a batch that was staged. */
  run(deliver: () => Promise<void>): Promise<unknown>
}

/**
 * @param net a build for inference
 * @throws Error where the images do not suit the net, or the views
 */
export function openPredictor(
  net: Net,
  set: ImageSet,
  { input, views }: PredictorOptions
): Promise<Predictor> {
  return views === 1 ? oneView(net, set, input) : tenViewsOf(net, set, input)
}

async function oneView(
  net: Net,
  set: ImageSet,
  input: InputRecipe | undefined
): Promise<Predictor> {
  const feed = net.own(await Feed.create(net, set, { input }))
  const predictions = net.draft.stepIO.map(({ stats, probabilities }) => {
    if (!probabilities) throw new Error('[evaluate] expected a net built for inference')
    return { stats: stats.place, probabilities: probabilities.place }
  })
  return {
    feed,
    predictions,
    run: (deliver) => Promise.all([deliver(), net.forward()]),
    [Symbol.asyncDispose]: async () => close(net, feed)
  }
}

async function tenViewsOf(
  net: Net,
  set: ImageSet,
  input: InputRecipe | undefined
): Promise<Predictor> {
  const size = net.definition.input
  if (resolveInput(input, set, size).fit === 'resize') {
    throw new Error(
      `[evaluate] expected images to crop for 10 views, got ${set.height}×${set.width} that are ` +
        `resized to ${size.height}×${size.width}: use views 1, or an input of fit "crop"`
    )
  }
  const list = tenViews(set, size)
  const views = net.own(await Views.create(net, list.length))
  try {
    const run = views.run.bind(views)
    const feed = net.own(await Feed.create(net, set, { input, views: list, run }))
    return {
      feed,
      predictions: views.predictions,
      run: (deliver) => {
        net.refresh()
        return deliver()
      },
      [Symbol.asyncDispose]: async () => close(net, feed, views)
    }
  } catch (error) {
    close(net, views)
    throw error
  }
}

function close(net: Net, ...children: readonly (Feed | Views)[]): void {
  for (const child of children) {
    net.disown(child)
    child.close()
  }
}
