import type { Shape } from '../native/binding.ts'
import { type DType, dtypeBytes } from '../native/dtype.ts'
import { denseLayout, elements } from '../native/layout.ts'
import type { Buffer } from './buffer.ts'

export { denseLayout, elements }

export interface TensorOptions {
  readonly shape: Shape
  readonly dtype: DType
  /** oneDNN's tag notation: 'abcd' is NCHW, 'acdb' NHWC, 'aBcd8b' nChw8c. Default: row-major. */
  readonly layout?: string
  /** Where it begins in the buffer, in bytes; a multiple of 4. Default 0. */
  readonly offset?: number
  /** Its size in memory, padding included; needed where the layout is blocked. */
  readonly bytes?: number
}

/** A view of a buffer: shape, dtype, layout. It owns nothing, and costs nothing to make. */
export class Tensor {
  readonly buffer: Buffer
  readonly offset: number
  readonly shape: Shape
  readonly dtype: DType
  readonly layout: string
  /** Bytes in memory, padding included. */
  readonly bytes: number

  /** @throws RangeError where the tensor would reach past the end of its buffer */
  constructor(buffer: Buffer, options: TensorOptions) {
    this.buffer = buffer
    this.offset = options.offset ?? 0
    this.shape = options.shape
    this.dtype = options.dtype
    this.layout = options.layout ?? denseLayout(options.shape.length)
    this.bytes = options.bytes ?? elements(options.shape) * dtypeBytes(options.dtype)
    if (this.offset + this.bytes > buffer.bytes) {
      throw new RangeError(
        `[tensor] [${this.shape}] ${this.dtype} needs ${this.bytes} bytes at ${this.offset}, and the ` +
          `buffer has ${buffer.bytes}: make the buffer larger`
      )
    }
  }
}
