import type { Tensor } from '../../engine/memory.ts'
import { dtypeBytes } from '../../native/dtype.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { sample, square } from './samples.ts'

/** Statistics of one ReLU's outputs for a batch, from a sample. */
export interface ReluStats {
  /** Name of its layer. */
  readonly layer: string
  /** Fraction of outputs that are not 0. */
  readonly live: number
  /**
   * How much outputs differ between images: the norm of the differences from their mean over the images, divided by
   * the norm of the outputs. 0 if all images give the same. Undefined for one image, or if all outputs are 0.
   */
  readonly apart: number | undefined
}

/** Images that are sampled of a batch, and runs of numbers of each. */
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
 * Runs the forward pass on the images in the net's input, and samples each ReLU's output before later calls overwrite
 * it. It changes nothing that the next step reads. Nothing else may be in flight. Each device adds its share.
 */
export async function measureRelus(net: Net): Promise<readonly ReluStats[]> {
  const found = new Map<string, Sums>()
  let calls: BoundCall[] = []
  for (const bound of net.calls.forward) {
    calls.push(bound)
    const y = reluOf(bound)
    if (!y) continue
    net.run(calls)
    calls = []
    await net.placement.synchronize()
    const { layer } = bound.call
    const sums = found.get(layer) ?? { live: 0, count: 0, square: 0, apart: 0, images: 0 }
    found.set(layer, sums)
    add(sums, await imagesOf(bound, y))
  }
  await net.placement.synchronize()
  return Array.from(found, ([layer, { live, count, square, apart, images }]) => ({
    layer,
    live: live / count,
    apart: images > 1 && square > 0 ? Math.sqrt(apart / square) : undefined
  }))
}

/** The call's output, if it went through a ReLU. */
function reluOf({ call, tensors }: BoundCall): Tensor | undefined {
  // Calls that only move such an output would count it twice.
  const moves = call.op.name === 'reorder' || call.op.name === 'copy'
  return call.args.y?.relu === true && !moves ? tensors.y : undefined
}

/** Numbers of some images, at the same places of each. */
async function imagesOf({ call }: BoundCall, y: Tensor): Promise<readonly Float64Array[]> {
  const { stream } = call
  const [batch = 1] = y.shape
  // In layouts that interleave images, a sample cannot be split by image.
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
