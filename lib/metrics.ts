/** What cross_entropy counts over a batch, read from the device. */
export interface Stats {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  /** Images whose class came first. */
  readonly top1: number
  /** Images whose class was among the first five. */
  readonly top5: number
}

/** @param data f32[4] of the op cross_entropy */
export function readStats(data: ArrayLike<number>): Stats {
  return { loss: data[0] ?? Number.NaN, top1: data[1] ?? 0, top5: data[2] ?? 0 }
}
