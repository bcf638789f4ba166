import { Tensor } from '../../engine/memory.ts'
import type { DType } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'

/** A tensor of a tape: at first only what it must be, then where it lies. */
export class Value {
  readonly name: string
  /** The layer that made it. */
  readonly layer: string
  readonly dtype: DType
  /** Which of the build's parts holds it: 0, where there is one device. */
  readonly part: number
  /** Settled by the op that writes it. */
  shape: Shape | undefined
  layout: string | undefined
  bytes = 0
  /** First and last call of the tape that touch it. */
  first = Number.POSITIVE_INFINITY
  last = -1
  /** A view of another value's bytes, in another shape. */
  readonly of: Value | undefined
  /** The gradient of a parameter: the op that writes it may choose another layout. */
  readonly gradient: boolean
  /** Lies in memory of its own, for as long as the build lives. */
  permanent = false
  /** Came out of a ReLU that was fused into its op. */
  relu = false
  /** Bits of the ReLU that it came out of: a gradient that they have cut needs no more for it. */
  mask: Value | undefined
  /** A gradient that is zero already wherever that ReLU cut. */
  masked = false
  /** Read by more than one: may not be overwritten in place. */
  shared = false
  /** Depends on something that is trained. */
  trained = false
  tensor: Tensor | undefined

  constructor(options: {
    name: string
    layer: string
    dtype: DType
    part?: number
    shape?: Shape | undefined
    layout?: string | undefined
    bytes?: number
    of?: Value
    gradient?: boolean
    permanent?: boolean
  }) {
    this.name = options.name
    this.layer = options.layer
    this.dtype = options.dtype
    this.part = options.part ?? 0
    this.shape = options.shape
    this.layout = options.layout
    this.bytes = options.bytes ?? 0
    this.of = options.of
    this.gradient = options.gradient ?? false
    this.permanent = options.permanent ?? false
  }

  /** The value whose bytes these are. */
  get root(): Value {
    return this.of?.root ?? this
  }

  /** @throws Error before an op has settled it */
  get dims(): Shape {
    if (!this.shape) throw new Error(`[tape] ${this.name} of ${this.layer} has no shape yet`)
    return this.shape
  }

  touch(call: number): void {
    const { root } = this
    root.first = Math.min(root.first, call)
    root.last = Math.max(root.last, call)
  }

  /** The tensor, once memory has been given out. */
  get place(): Tensor {
    if (this.tensor) return this.tensor
    const base = this.root.tensor
    if (!base) throw new Error(`[tape] ${this.name} of ${this.layer} has no memory yet`)
    this.tensor = new Tensor(base.buffer, {
      shape: this.dims,
      dtype: this.dtype,
      layout: this.layout ?? base.layout,
      offset: base.offset,
      bytes: this.bytes
    })
    return this.tensor
  }
}
