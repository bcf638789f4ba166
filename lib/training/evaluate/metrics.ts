import type { Tensor } from '../../engine/memory.ts'
import { decode } from '../../native/dtype.ts'
import type { Net } from '../../net/net.ts'

/** What the ops cross_entropy and sigmoid_cross_entropy count over a batch. */
export interface Stats {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  /** Images whose class came first. */
  readonly top1: number
  /** Images whose class was among the first five. */
  readonly top5: number
  /** Images whose loss is not finite, because an output was NaN or infinite; they count as wrong. */
  readonly notFinite: number
}

/** Where a replica's predictions of a batch lie, on the device that computes its loss. */
export interface Predictions {
  /** f32[5], as `readStats` takes it. */
  readonly stats: Tensor
  /** [N, classes]: softmax or sigmoids, as the net's head says. */
  readonly probabilities: Tensor
}

/** For each replica: its stream, and how many of a batch's first `images` it holds. */
function shares({ placement, batch, stream }: Net, images: number) {
  return Array.from({ length: placement.replicas }, (_, replica) => {
    const { from, count } = placement.rows(replica, batch)
    const rows = Math.min(Math.max(images - from, 0), count)
    return { stream: placement.of(replica)[0]?.stream ?? stream, rows }
  })
}

/**
 * Reads the counts over a batch's first `images`, of all replicas and processes together, after all that was queued before.
 * @param predictions by replica; default: what the loss counts
 */
export async function statsOf(
  net: Net,
  images: number,
  predictions: readonly Pick<Predictions, 'stats'>[] = net.draft.stepIO.map(({ stats }) => {
    return { stats: stats.place }
  })
): Promise<Stats> {
  const { group } = net.placement
  const add = group?.summing('the counts of a batch')
  const all = await Promise.all(
    shares(net, images).map(async ({ stream, rows }, replica) => {
      const stats = predictions[replica]?.stats
      return { rows, ...readStats(stats ? await stream.read(stats) : []) }
    })
  )
  const [first] = all
  if (first && all.length === 1 && !add) {
    const { rows: _, ...stats } = first
    return stats
  }
  const counted = all.filter(({ rows }) => rows > 0)
  const sum = (of: (stats: Stats & { readonly rows: number }) => number) =>
    counted.reduce((all, one) => all + of(one), 0)
  const own = [
    sum(({ loss, rows }) => (loss * rows) / images),
    sum(({ top1 }) => top1),
    sum(({ top5 }) => top5),
    sum(({ notFinite }) => notFinite)
  ]
  const [loss = Number.NaN, top1 = 0, top5 = 0, notFinite = 0] = add ? await add(own) : own
  return { loss, top1, top5, notFinite }
}

/**
 * Reads the outputs for a batch's first `images`, of all replicas together, after all that was queued before.
 * @param outputs by replica: [N, classes]
 * @returns [images, classes]
 */
export async function rowsOf(
  net: Net,
  images: number,
  outputs: readonly Tensor[]
): Promise<Float32Array> {
  const { classes, placement } = net
  const join = placement.group?.joining('the outputs of a batch')
  const lists = await Promise.all(
    shares(net, images).map(async ({ stream, rows }, replica) => {
      const from = outputs[replica]
      if (!from) return new Float32Array()
      const elements = await stream.read(from)
      const all =
        elements instanceof Float32Array
          ? elements
          : Float32Array.from(decode(elements, from.dtype))
      return all.subarray(0, rows * classes)
    })
  )
  const [only] = lists
  const own = only && lists.length === 1 ? only : joined(lists)
  if (!join) return own
  const { buffer, byteOffset, byteLength } = own
  const all = await join(new Uint8Array(buffer, byteOffset, byteLength))
  return joined(all.map((bytes) => new Float32Array(bytes.slice().buffer)))
}

function joined(lists: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    out.set(list, at)
    at += list.length
  }
  return out
}

/**
 * The labels of a batch's first `images`, of all processes together.
 * @param labels of the batch, of which this process has read its own
 */
export async function labelsOf(net: Net, images: number, labels: Int32Array): Promise<Int32Array> {
  const { placement, batch } = net
  const { group } = placement
  if (!group) return labels.slice(0, images)
  const { from, count } = placement.ownRows(batch)
  const own = labels.slice(Math.min(from, images), Math.min(from + count, images))
  const all = await group.joining('the labels of a batch')(new Uint8Array(own.buffer))
  return Int32Array.from(all.flatMap((bytes) => [...new Int32Array(bytes.slice().buffer)]))
}

/** @param data f32[5] of the op cross_entropy */
export function readStats(data: ArrayLike<number>): Stats {
  const [loss = Number.NaN, top1 = 0, top5 = 0, , notFinite = 0] = Array.from(data)
  return { loss, top1, top5, notFinite }
}
