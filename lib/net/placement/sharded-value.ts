/** A layer's output, as the devices that share a net's channels hold it. */
import type { Shape } from '../../native/layout.ts'
import type { Value } from '../graph/value.ts'

/**
 * 'slices': each device an equal slice of the channels. 'first': the first device all of it, the others nothing.
 * 'everywhere': each device all of it, computed or brought there by itself.
 */
export type Sharding = 'slices' | 'first' | 'everywhere'

export class ShardedValue {
  readonly how: Sharding
  /** Of the whole: [N, C, …]. */
  readonly shape: Shape
  /** By slice. */
  readonly values: readonly Value[]
  /** All of it, where it has been brought together; by slice. */
  readonly wholes = new Map<number, Value>()

  constructor(how: Sharding, values: readonly Value[]) {
    const [first] = values
    if (!first) throw new Error('[placement] expected a value, got none')
    const [batch = 0, channels = 0, ...rest] = first.dims
    this.how = how
    this.values = values
    this.shape = [batch, how === 'slices' ? channels * values.length : channels, ...rest]
    if (how === 'slices') return
    for (const [slice, value] of values.entries()) this.wholes.set(slice, value)
  }

  get trained(): boolean {
    return this.values.some(({ trained }) => trained)
  }

  /** The first channel of a slice. */
  from(slice: number): number {
    return this.how === 'slices' ? slice * (this.values[slice]?.dims[1] ?? 0) : 0
  }
}
