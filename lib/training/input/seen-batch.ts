import type { ImageSet } from '../../data/dataset.ts'
import type { Device } from '../../engine/device.ts'
import type { DType } from '../../native/dtype.ts'
import { elements, type Shape } from '../../native/layout.ts'
import { Value } from '../../net/graph/value.ts'
import type { InputRecipe, ResolvedInput } from './augment.ts'
import type { Pictures } from './contact-sheet.ts'
import { factsOf } from './input-facts.ts'
import { NetInput } from './net-input.ts'

export interface SeenBatchOptions {
  /** Numbers of the images in the set. */
  readonly indices: Uint32Array
  /** Rows and columns of the net's input. */
  readonly size: { readonly height: number; readonly width: number }
  readonly input?: InputRecipe | undefined
  /** False: as in an evaluation. Default true. */
  readonly training?: boolean
  /** Steps done. Default 0. */
  readonly step?: number
  /** Epochs done. Default 0. */
  readonly epoch?: number
  /** Default 1. */
  readonly seed?: number
}

export interface SeenBatch {
  readonly pictures: Pictures
  readonly labels: Int32Array
  /** The recipe, with its defaults filled in. */
  readonly input: ResolvedInput
}

/**
 * Makes a batch's input on a device, and pictures of it: cropped, flipped and coloured, but with the mean.
 * @throws Error where the set lacks what the recipe needs, or the sizes do not suit
 */
export async function seenBatch(
  device: Device,
  set: ImageSet,
  options: SeenBatchOptions
): Promise<SeenBatch> {
  const { indices, size, input, training = true, step = 0, epoch = 0, seed = 1 } = options
  const { channels } = set
  const { height, width } = size
  const stream = device.stream()
  const place = (name: string, dtype: DType, shape: Shape, layout: string) => {
    const value = new Value({ name, layer: 'input', dtype, shape, layout })
    value.bytes = elements(shape) * 4
    value.tensor = device.allocate(value.bytes).tensor({ shape, dtype, layout })
    return value
  }
  const y = place('x', 'f32', [indices.length, channels, height, width], 'acdb')
  const rng = place('rng', 'u32', [4], 'a')
  try {
    const recipe = await NetInput.create({ stream, input: y, rng }, set, { input, training })
    const settled = recipe.recipe
    recipe.close()
    // The same draws on the same bytes, but nothing is subtracted or divided by.
    const { colour, fit, flip, shared } = settled
    const plain: InputRecipe = {
      fit,
      flip,
      shared,
      mean: 'channel',
      divide: 1,
      ...(input?.offsets !== undefined && { offsets: input.offsets }),
      ...(colour && { colour: { ...colour, divide: 1 } })
    }
    const level = { ...factsOf(set), mean: set.mean.map(() => 0) }
    using made = await NetInput.create({ stream, input: y, rng }, level, { input: plain, training })
    const images = new Uint8Array(indices.length * set.height * set.width * channels)
    const labels = new Int32Array(indices.length)
    await set.read(indices, images, labels)
    stream.write(made.bytes, images)
    stream.write(rng.place, Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), step, 0))
    for (const [i, numbers] of made.scalarsAt(epoch).entries()) {
      const to = made.scalars[i]
      if (to) stream.write(to, numbers)
    }
    made.run()
    const bytes = Uint8ClampedArray.from(await stream.read(y.place))
    const pictures = { bytes: new Uint8Array(bytes.buffer), height, width, channels }
    return { pictures, labels, input: settled }
  } finally {
    await stream.close()
    for (const value of [y, rng]) value.place.buffer.close()
  }
}
