/** A model of a training step of several processes: how long it takes, by computation, bytes and the network. */
import type { LayerSummary } from '../lib/net/trace/summary.ts'

/** A sum of gradients. */
export interface ModelSum {
  /** Of each process, as they travel. */
  readonly bytes: number
  /** When the first of them can travel, as a share of the computation, from 0 to 1. */
  readonly ready: number
  /** True if it is of dense layers alone. Default false. */
  readonly dense?: boolean
  /** Ranks that it is summed over. Default: all. */
  readonly over?: number
}

export interface ModelStep {
  readonly ranks: number
  /** Seconds in which a rank computes its share of the batch: forward, backward and update. */
  readonly compute: number
  /** In the order in which the backward pass finishes them. */
  readonly sums: readonly ModelSum[]
  /** Bytes a second that a rank sends while it receives as many. */
  readonly bandwidth: number
  /** Seconds from a message's start to its arrival, without its bytes. */
  readonly latency: number
  /** True if sums travel while the rank computes; false if they take its processors. */
  readonly overlaps: boolean
  /** Bytes that each rank sends while it cannot compute: activations of layers that are split over ranks. Default 0. */
  readonly blocking?: number
}

export interface ModelResult {
  readonly seconds: number
  /** The share of them in which the rank computes nothing. */
  readonly waiting: number
}

/**
 * Sums are all-reduces that are optimal in bytes: each rank sends 2 (n - 1) / n of the bytes, in 2 ceil(log2 n) rounds of
 * messages (Thakur, Rabenseifner and Gropp 2005, "Optimization of Collective Communication Operations in MPICH"). They
 * follow one another on one link.
 */
export function modelStep(step: ModelStep): ModelResult {
  const { ranks, compute, sums, bandwidth, latency, overlaps, blocking = 0 } = step
  let link = overlaps ? 0 : compute
  for (const { bytes, ready, over = ranks } of sums) {
    const rounds = 2 * Math.ceil(Math.log2(over))
    const sent = ((2 * (over - 1)) / over) * bytes
    link = Math.max(link, ready * compute) + sent / bandwidth + rounds * latency
  }
  const seconds = Math.max(compute, link) + blocking / bandwidth
  return { seconds, waiting: 1 - compute / seconds }
}

/** Smaller sums wait for the next, as in lib/net/placement/group-sync.ts. */
const BUCKET = 8 * 2 ** 20

/**
 * The sums of a net. The backward pass is taken to be two thirds of the computation, and a layer's part of it to be its
 * part of the multiply-adds.
 *
 * @param bytes of a gradient's element: 4, or 2 in bf16
 */
export function sumsOf(layers: readonly LayerSummary[], bytes: number): ModelSum[] {
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0)
  const sums: ModelSum[] = []
  let [waiting, done, dense] = [0, 0, true]
  for (const layer of layers.toReversed()) {
    waiting += layer.parameters * bytes
    done += layer.macs
    if (layer.parameters > 0) dense &&= layer.kind === 'dense'
    // Buckets are of f32, whatever travels.
    if ((waiting * 4) / bytes < BUCKET && done < macs) continue
    if (waiting > 0) sums.push({ bytes: waiting, ready: 1 / 3 + (2 / 3) * (done / macs), dense })
    waiting = 0
    dense = true
  }
  return sums
}

/**
 * What splitting the dense layers over some ranks changes: each holds a part of their units, and sees the images of all
 * of them. It sends its activations forward and their gradients backward, and has as many times fewer gradients to sum.
 * Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks".
 *
 * @param how images of a rank, bytes of an element that travels, over how many ranks the dense layers are split, and how many there are
 */
export function splitDense(
  layers: readonly LayerSummary[],
  sums: readonly ModelSum[],
  how: {
    readonly batch: number
    readonly bytes: number
    readonly ranks: number
    readonly of: number
  }
): Pick<ModelStep, 'sums' | 'blocking'> {
  const { batch, bytes, ranks, of } = how
  const dense = layers.filter(({ kind }) => kind === 'dense')
  // What they read: the values of an image before each of them.
  const values = dense.reduce((sum, { macs, output }) => sum + macs / (output[0] ?? 1), 0)
  return {
    sums: sums.map((sum) =>
      sum.dense ? { ...sum, bytes: sum.bytes / ranks, over: of / ranks } : sum
    ),
    blocking: 2 * (ranks - 1) * batch * values * bytes
  }
}
