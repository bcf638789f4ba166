import type { Tensor } from '../../engine/memory.ts'
import { decode } from '../../native/dtype.ts'
import type { Net } from '../../net/net.ts'

/** What cross_entropy counts over a batch, read from the device. */
export interface Stats {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  /** Images whose class came first. */
  readonly top1: number
  /** Images whose class was among the first five. */
  readonly top5: number
}

/** What a net says of a batch, on the device where one replica's loss is. */
export interface Judged {
  /** f32[4], as `readStats` takes it. */
  readonly stats: Tensor
  /** [N, classes]: each row adds up to 1. */
  readonly probabilities: Tensor
}

/** Of each replica: its stream, and how many of the first so many images of a batch are its own. */
function shares({ placement, batch, stream }: Net, images: number) {
  return Array.from({ length: placement.replicas }, (_, replica) => {
    const { from, count } = placement.rows(replica, batch)
    const rows = Math.min(Math.max(images - from, 0), count)
    return { stream: placement.of(replica)[0]?.stream ?? stream, rows }
  })
}

/**
 * Reads what was counted over so many images, of all replicas together, when all that was queued before is done.
 * @param judged by replica; default: what the loss counts
 */
export async function statsOf(
  net: Net,
  images: number,
  judged: readonly Pick<Judged, 'stats'>[] = net.heads.map(({ stats }) => ({ stats: stats.place }))
): Promise<Stats> {
  const all = await Promise.all(
    shares(net, images).map(async ({ stream, rows }, replica) => {
      const stats = judged[replica]?.stats
      return { rows, ...readStats(stats ? await stream.read(stats) : []) }
    })
  )
  const [first] = all
  if (first && all.length === 1) return { loss: first.loss, top1: first.top1, top5: first.top5 }
  const counted = all.filter(({ rows }) => rows > 0)
  return {
    loss: counted.reduce((sum, { loss, rows }) => sum + (loss * rows) / images, 0),
    top1: counted.reduce((sum, { top1 }) => sum + top1, 0),
    top5: counted.reduce((sum, { top5 }) => sum + top5, 0)
  }
}

/**
 * Reads what is said of so many images, row by row, as `statsOf` does the counts.
 * @param said by replica: [N, classes]
 * @returns [images, classes]
 */
export async function rowsOf(
  net: Net,
  images: number,
  said: readonly Tensor[]
): Promise<Float32Array> {
  const { classes } = net
  const lists = await Promise.all(
    shares(net, images).map(async ({ stream, rows }, replica) => {
      const from = said[replica]
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
  if (only && lists.length === 1) return only
  const out = new Float32Array(images * classes)
  let at = 0
  for (const list of lists) {
    out.set(list, at)
    at += list.length
  }
  return out
}

/** @param data f32[4] of the op cross_entropy */
export function readStats(data: ArrayLike<number>): Stats {
  return { loss: data[0] ?? Number.NaN, top1: data[1] ?? 0, top5: data[2] ?? 0 }
}
