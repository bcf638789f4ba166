import type { Buffer, DeviceMemory } from '../../engine/memory.ts'
import type { Value } from './value.ts'

const ALIGNMENT = 64

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

/** Where each value lies in one slab, and how long the slab is. */
export interface Packing {
  readonly offsets: ReadonlyMap<Value, number>
  readonly bytes: number
}

/**
 * Lays values out in one slab so that those whose lifetimes do not meet may share bytes: the largest
 * first, each at the lowest place that is free for as long as it lives (greedy by size; Pisarchyk and
 * Lee 2020).
 */
export function packByLifetime(values: Iterable<Value>): Packing {
  const offsets = new Map<Value, number>()
  const placed: { value: Value; offset: number; end: number }[] = []
  let bytes = 0
  const sorted = [...values].filter((value) => value.bytes > 0).sort((a, b) => b.bytes - a.bytes)
  for (const value of sorted) {
    const size = align(value.bytes)
    const alive = placed
      .filter((other) => other.value.first <= value.last && other.value.last >= value.first)
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

/** Lays values out one after the other. */
export function packSequential(values: Iterable<Value>): Packing {
  const offsets = new Map<Value, number>()
  let bytes = 0
  for (const value of values) {
    offsets.set(value, bytes)
    bytes += align(value.bytes)
  }
  return { offsets, bytes }
}

/** Takes a slab, and gives each value its place in it. */
export function allocate(
  device: DeviceMemory,
  values: Iterable<Value>,
  { offsets, bytes }: Packing
): Buffer {
  const slab = device.allocate(bytes)
  for (const value of values) {
    value.tensor = slab.tensor({
      ...{ shape: value.dims, dtype: value.dtype },
      ...(value.layout !== undefined && { layout: value.layout }),
      ...{ offset: offsets.get(value) ?? 0, bytes: value.bytes }
    })
  }
  return slab
}
