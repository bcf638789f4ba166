/** Gradient accumulation: an update's images are cut into micro-batches that fit the net. */

/** Where a micro-batch stands among those of its update. */
export type MicroBatchKind = 'only' | 'first' | 'middle' | 'last'

/** True if the micro-batch ends its update, so that new weights follow. */
export function endsUpdate(kind: MicroBatchKind): boolean {
  return kind === 'only' || kind === 'last'
}

/** The images of one micro-batch. */
export interface MicroBatch {
  /** Their numbers in the set. */
  readonly indices: Uint32Array
  /** Images of the update that come before them. */
  readonly first: number
  /** Their fraction of the update's images. */
  readonly share: number
  readonly kind: MicroBatchKind
}

/** Cuts an update's images into micro-batches of at most `batch` images. */
export function microBatchesOf(indices: Uint32Array, batch: number): MicroBatch[] {
  const count = Math.ceil(indices.length / batch)
  return Array.from({ length: count }, (_, i) => {
    const first = i * batch
    const own = indices.subarray(first, first + batch)
    const kind = count === 1 ? 'only' : i === 0 ? 'first' : i === count - 1 ? 'last' : 'middle'
    return { indices: own, first, share: own.length / indices.length, kind }
  })
}
