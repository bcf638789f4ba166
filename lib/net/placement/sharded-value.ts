/** A layer's output, as the devices of one replica hold it. */
import type { Shape } from '../../native/layout.ts'
import type { Value } from '../graph/value.ts'

/**
 * How a replica's devices hold a value. 'sharded': each holds an equal slice of the channels. 'first': the first
 * device holds all of it, the others nothing. 'replicated': each holds all of it.
 */
export type Sharding = 'sharded' | 'first' | 'replicated'

export class ShardedValue {
  readonly sharding: Sharding
  /** Of the whole: [N, C, …]. */
  readonly shape: Shape
  /** By slice. */
  readonly values: readonly Value[]
  /** The whole value, by the slice of the device that holds it. `gather` adds to it. */
  readonly wholes = new Map<number, Value>()

  constructor(sharding: Sharding, values: readonly Value[]) {
    const [first] = values
    if (!first) throw new Error('[placement] expected a value, got none')
    const [batch = 0, channels = 0, ...rest] = first.dims
    this.sharding = sharding
    this.values = values
    this.shape = [batch, sharding === 'sharded' ? channels * values.length : channels, ...rest]
    if (sharding === 'sharded') return
    for (const [slice, value] of values.entries()) this.wholes.set(slice, value)
  }

  get needsGradient(): boolean {
    return this.values.some(({ needsGradient }) => needsGradient)
  }

  /** The first channel of a slice. */
  from(slice: number): number {
    return this.sharding === 'sharded' ? slice * (this.values[slice]?.dims[1] ?? 0) : 0
  }

  /** True if each of so many devices holds an equal slice, or can cut it from what it holds. */
  splits(slices: number): boolean {
    if (this.sharding === 'first') return false
    return this.sharding === 'sharded' || (this.shape[1] ?? 0) % slices === 0
  }
}
