import { Tensor } from '../../engine/memory.ts'
import type { DType } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'

/** What a value is created with. Shape, layout and bytes may be left to the op that writes it. */
export type ValueOptions = Pick<Value, 'name' | 'layer' | 'dtype'> &
  Partial<
    Pick<
      Value,
      'part' | 'shape' | 'layout' | 'bytes' | 'viewOf' | 'at' | 'isParameterGradient' | 'permanent'
    >
  >

/** A tensor of a tape. It has no memory until the build allocates it. */
export class Value {
  readonly name: string
  /** The layer that creates it. */
  readonly layer: string
  readonly dtype: DType
  /** Index of the part, and so of the device, that holds it. */
  readonly part: number = 0
  /** Settled by the op that writes it, like layout and bytes. */
  shape: Shape | undefined
  layout: string | undefined
  bytes = 0
  /** Index of the first and of the last call that reads or writes it: its lifetime. */
  firstUse = Number.POSITIVE_INFINITY
  lastUse = -1
  /** The value whose bytes this one shows in another shape. */
  readonly viewOf: Value | undefined
  /** Where it begins in `viewOf`, in bytes. */
  readonly at: number = 0
  /** True for the gradient of a parameter: the op that writes it may choose its own layout. */
  readonly isParameterGradient: boolean = false
  /** True if it keeps its bytes for as long as the build lives. */
  permanent = false
  /** True for the output of a ReLU, or of an op with a fused one. */
  relu = false
  /** Bit mask of the ReLU that it is the output of. A backward op that applies it undoes the ReLU. */
  mask: Value | undefined
  /** For a gradient: true if it is already zero wherever that ReLU's output is zero. */
  masked = false
  /** Has several consumers, so it must not be overwritten in place. */
  multipleConsumers = false
  /** True if it depends on a trained parameter, so the backward pass computes its gradient. */
  needsGradient = false
  tensor: Tensor | undefined

  constructor({ name, layer, dtype, ...options }: ValueOptions) {
    this.name = name
    this.layer = layer
    this.dtype = dtype
    Object.assign(this, options)
  }

  /** The value that owns the bytes. */
  get root(): Value {
    return this.viewOf?.root ?? this
  }

  /** Where it begins in `root`, in bytes. */
  get #offset(): number {
    return this.viewOf ? this.at + this.viewOf.#offset : 0
  }

  /** @throws Error before an op has settled it */
  get dims(): Shape {
    if (!this.shape) throw new Error(`[tape] ${this.name} of ${this.layer} has no shape yet`)
    return this.shape
  }

  /** Extends the lifetime to this call. */
  touch(call: number): void {
    const { root } = this
    root.firstUse = Math.min(root.firstUse, call)
    root.lastUse = Math.max(root.lastUse, call)
  }

  /**
   * The tensor.
   * @throws Error before memory has been allocated
   */
  get place(): Tensor {
    if (this.tensor) return this.tensor
    const base = this.root.tensor
    if (!base) throw new Error(`[tape] ${this.name} of ${this.layer} has no memory yet`)
    this.tensor = new Tensor(base.buffer, {
      shape: this.dims,
      dtype: this.dtype,
      layout: this.layout ?? base.layout,
      offset: base.offset + this.#offset,
      bytes: this.bytes
    })
    return this.tensor
  }
}
