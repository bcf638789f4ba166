/** What a net's ReLUs give for a batch: whether they are alive, and whether they tell images apart. */

import type { Tensor } from '../../engine/memory.ts'
import { dtypeBytes } from '../../native/dtype.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { sample, square } from './samples.ts'

/** What was seen of one ReLU. */
export interface ReluLook {
  readonly layer: string
  /** The fraction of its outputs that are not 0. */
  readonly live: number
  /**
   * How far outputs for single images are from their mean over the images: the norm of the differences by that of
   * the outputs, 0 where all images give the same. Undefined where one image was seen, or all is 0.
   */
  readonly apart: number | undefined
}

/** Images of a batch, and runs of numbers of each. */
const IMAGES = 8
const RUNS = 4

interface Sums {
  live: number
  count: number
  square: number
  apart: number
  images: number
}

/**
 * Runs the forward pass on what lies in the net's input, a stretch at a time, and looks at each ReLU's output before
 * later calls write over it. It changes nothing that the next step reads. Nothing else may be under way. Of several
 * devices each gives its share.
 */
export async function lookAtRelus(net: Net): Promise<readonly ReluLook[]> {
  const found = new Map<string, Sums>()
  let stretch: BoundCall[] = []
  for (const bound of net.calls.forward) {
    stretch.push(bound)
    const y = reluOf(bound)
    if (!y) continue
    net.run(stretch)
    stretch = []
    await net.placement.synchronize()
    const { layer } = bound.call
    const sums = found.get(layer) ?? { live: 0, count: 0, square: 0, apart: 0, images: 0 }
    found.set(layer, sums)
    add(sums, await imagesOf(bound, y))
  }
  await net.placement.synchronize()
  return Array.from(found, ([layer, { live, count, square, apart, images }]) => ({
    ...{ layer, live: live / count },
    apart: images > 1 && square > 0 ? Math.sqrt(apart / square) : undefined
  }))
}

/** The output that came out of a ReLU in this call. */
function reluOf({ call, tensors }: BoundCall): Tensor | undefined {
  // What only moves such an output is not looked at again.
  const moves = call.op.name === 'reorder' || call.op.name === 'copy'
  return call.args.y?.relu === true && !moves ? tensors.y : undefined
}

/** Numbers of some images, the same places of each. */
async function imagesOf({ call }: BoundCall, y: Tensor): Promise<readonly Float64Array[]> {
  const { stream } = call
  const [batch = 1] = y.shape
  // Where images do not lie one behind the other, what is seen of them is not told apart.
  if (!y.layout.startsWith('a') || /\da/.test(y.layout)) {
    return [await sample(stream, y, IMAGES * RUNS)]
  }
  const count = y.bytes / dtypeBytes(y.dtype) / batch
  const images = Math.min(batch, IMAGES)
  return Promise.all(
    Array.from({ length: images }, (_, i) => {
      const from = Math.floor((i * batch) / images) * count
      return sample(stream, y, RUNS, { from, count })
    })
  )
}

function add(sums: Sums, images: readonly Float64Array[]): void {
  const [first] = images
  if (!first) return
  const mean = new Float64Array(first.length)
  for (const image of images) {
    for (const [i, value] of image.entries()) {
      mean[i] = (mean[i] ?? 0) + value / images.length
      if (value !== 0) sums.live++
    }
    sums.count += image.length
    sums.square += square(image)
  }
  for (const image of images) {
    sums.apart += square(image.map((value, i) => value - (mean[i] ?? 0)))
  }
  sums.images = images.length
}
