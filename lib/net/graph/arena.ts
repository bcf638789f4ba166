/** Places values in slabs of device memory. */
import type { Buffer, DeviceMemory } from '../../engine/memory.ts'
import type { Value } from './value.ts'

const ALIGNMENT = 64

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

/** The offset of each value in one slab, and the slab's size. */
export interface Packing {
  readonly offsets: ReadonlyMap<Value, number>
  readonly bytes: number
}

/**
 * Packs values into one slab so that values with disjoint lifetimes may share bytes. Greedy by size: the largest
 * value first, each at the lowest offset that is free during its lifetime.
 *
 * Source: Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference".
 */
export function packByLifetime(values: Iterable<Value>): Packing {
  const offsets = new Map<Value, number>()
  const placed: { value: Value; offset: number; end: number }[] = []
  let bytes = 0
  const sorted = [...values].filter((value) => value.bytes > 0).sort((a, b) => b.bytes - a.bytes)
  for (const value of sorted) {
    const size = align(value.bytes)
    const alive = placed
      .filter(
        (other) => other.value.firstUse <= value.lastUse && other.value.lastUse >= value.firstUse
      )
      .sort((a, b) => a.offset - b.offset)
    let offset = 0
    for (const other of alive) {
      if (other.offset - offset >= size) break
      offset = Math.max(offset, other.end)
    }
    offsets.set(value, offset)
    placed.push({ value, offset, end: offset + size })
    bytes = Math.max(bytes, offset + size)
  }
  return { offsets, bytes }
}

/** Packs values into one slab, one after the other. */
export function packSequential(values: Iterable<Value>): Packing {
  const offsets = new Map<Value, number>()
  let bytes = 0
  for (const value of values) {
    offsets.set(value, bytes)
    bytes += align(value.bytes)
  }
  return { offsets, bytes }
}

/** Allocates the slab, and gives each value its tensor in it. */
export function allocate(
  device: DeviceMemory,
  values: Iterable<Value>,
  { offsets, bytes }: Packing
): Buffer {
  const slab = device.allocate(bytes)
  for (const value of values) {
    value.tensor = slab.tensor({
      shape: value.dims,
      dtype: value.dtype,
      ...(value.layout !== undefined && { layout: value.layout }),
      offset: offsets.get(value) ?? 0,
      bytes: value.bytes
    })
  }
  return slab
}
