/** Classifies decoded pictures in batches, with everything allocated beforehand. */
import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import { rowsOf } from '../../training/evaluate/metrics.ts'
import { openPredictor, type Predictor } from '../../training/evaluate/predictor.ts'
import type { Trained } from '../trained.ts'

/** A build of the net for batches of one size. */
interface Lane {
  readonly net: Net
  readonly predictor: Predictor
}

/** A batch that was queued. */
export interface Queued {
  /** By picture: f32 [classes]. */
  readonly done: Promise<readonly Float32Array[]>
}

/**
 * A trained net that takes batches of up to `batch` pictures. There is a build for each power of two below, over the
 * same parameters, so that a single picture does not cost a whole batch.
 */
export class Classifier {
  readonly batch: number
  /** Bytes of a picture: u8 [height, width, channels]. */
  readonly pictureBytes: number
  readonly #lanes: readonly Lane[]
  readonly #pictures: PictureSlots

  private constructor(batch: number, lanes: readonly Lane[], pictures: PictureSlots) {
    this.batch = batch
    this.pictureBytes = pictures.size
    this.#lanes = lanes
    this.#pictures = pictures
  }

  /** @param trained stays open until the classifier is closed */
  static async open(trained: Trained): Promise<Classifier> {
    const { net, facts } = trained
    const pictures = new PictureSlots(facts.data, net.batch)
    const set = trained.takeUnlabelled(pictures.set)
    const lanes: Lane[] = []
    for (const batch of sizesTo(net.batch, net.placement.replicas)) {
      const build = await net.at({ batch, training: false })
      const predictor = await openPredictor(build, set, { input: facts.input, views: 1 })
      lanes.push({ net: build, predictor })
    }
    return new Classifier(net.batch, lanes, pictures)
  }

  /**
   * Queues a batch. At most two may be in flight, and one be staged at a time.
   *
   * @param pictures u8 [height, width, channels] each, at most `batch`
   * @returns when the next batch may be staged
   */
  async queue(pictures: readonly Uint8Array[]): Promise<Queued> {
    const lane = this.#lanes.find(({ net }) => net.batch >= pictures.length)
    if (!lane) throw new Error(`[serve] expected at most ${this.batch} pictures`)
    const { net, predictor } = lane
    this.#pictures.hold(pictures)
    const indices = Uint32Array.from(pictures, (_, i) => i)
    const deliver = await predictor.feed.stage({ indices, step: 0, seed: 0 })
    const ran = predictor.run(deliver)
    const outputs = predictor.predictions.map(({ probabilities }) => probabilities)
    const rows = rowsOf(net, pictures.length, outputs)
    const done = Promise.all([rows, ran]).then(([all]) =>
      pictures.map((_, i) => all.subarray(i * net.classes, (i + 1) * net.classes))
    )
    done.catch(() => {}) // Awaited later; it must not count as unhandled until then.
    return { done }
  }

  /** Frees what was allocated for batches. Nothing may be in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { predictor } of this.#lanes) await predictor[Symbol.asyncDispose]()
  }
}

/** Powers of two below the batch that the replicas share evenly, and the batch. */
function sizesTo(batch: number, replicas: number): readonly number[] {
  const sizes: number[] = []
  for (let size = replicas; size < batch; size *= 2) sizes.push(size)
  return [...sizes, batch]
}

/** A set whose images are those of the batch that is being staged. */
class PictureSlots {
  /** Bytes of an image. */
  readonly size: number
  readonly set: ImageSet
  #held: readonly Uint8Array[] = []

  constructor(
    { height, width, channels }: Pick<ImageSet, 'height' | 'width' | 'channels'>,
    length: number
  ) {
    this.size = height * width * channels
    this.set = {
      length,
      height,
      width,
      channels,
      classes: [],
      mean: Array(channels).fill(0),
      std: Array(channels).fill(1),
      read: (indices, images, labels) => {
        labels.fill(0, 0, indices.length)
        for (const [i, index] of indices.entries()) {
          const picture = this.#held[index]
          if (picture) images.set(picture, i * this.size)
        }
      }
    }
  }

  hold(pictures: readonly Uint8Array[]): void {
    this.#held = pictures
  }
}
