/** Memory: a device that gives it, buffers that hold it, tensors that view it. */
import { type MemoryInfo, native, type Shape } from '../native/binding.ts'
import { type DType, dtypeBytes } from '../native/dtype.ts'
import { denseLayout, elements } from '../native/layout.ts'
import { DeviceCore } from './core.ts'
import { Handle } from './handle.ts'

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
  /** In bytes. */
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

const leaks = new FinalizationRegistry<{ bytes: number; stack: string }>(({ bytes, stack }) => {
  process.emitWarning(
    `[buffer] ${bytes} bytes were lost: a buffer was collected without close(). It was made here:\n${stack}`,
    'AlexnodeLeak'
  )
})

/**
 * A slab of memory on one device, alive until `close()`. Fresh bytes are zero. The host can write a staging
 * buffer: on a GPU it is pinned memory, which streams copy from.
 */
export class Buffer extends Handle {
  readonly device: DeviceCore
  readonly bytes: number
  /** True if the host can write it with `set`. On a CPU it always can. */
  readonly staging: boolean

  /** @internal Use `device.allocate` or `device.staging`. */
  constructor(device: DeviceCore, bytes: number, staging = false) {
    super('buffer', native.openBuffer(device.id, bytes, staging), ': its memory was given back')
    this.device = device
    this.bytes = bytes
    this.staging = staging
    leaks.register(
      this,
      { bytes, stack: (new Error().stack ?? '').split('\n').slice(3).join('\n') },
      this
    )
  }

  tensor(options: TensorOptions): Tensor {
    return new Tensor(this, options)
  }

  /**
   * Writes bytes at once, from the JavaScript thread: for memory that no queued work reads or
   * writes now. For anything else there is `stream.write`.
   * @throws Error for memory of a GPU that is no staging buffer
   */
  set(bytes: Uint8Array, offset = 0): void {
    native.writeBuffer(this.id, offset, bytes)
  }

  /**
   * Gives the memory back, after what already runs. A second call does nothing.
   * @throws Error while a live program uses the buffer
   */
  close(): void {
    if (!this.release(native.closeBuffer)) return
    leaks.unregister(this)
    this.device.forget(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A device as streams know it: it gives memory. */
export class DeviceMemory extends DeviceCore {
  /**
   * Takes a slab of memory.
   * @param bytes how many
   * @throws Error for no whole number of bytes, or more than the device has left
   */
  allocate(bytes: number): Buffer {
    return this.#allocate(bytes, false)
  }

  /**
   * Takes memory that the host writes with `set`, and that streams copy from: pinned, for a GPU.
   * @param bytes how many
   * @throws Error for no whole number of bytes, or more than there is
   */
  staging(bytes: number): Buffer {
    return this.#allocate(bytes, true)
  }

  #allocate(bytes: number, staging: boolean): Buffer {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new Error(`[memory] expected a whole number of bytes from 0, got ${bytes}`)
    }
    // A GPU's driver says itself when there is not enough; a CPU's would take it, and die of it later.
    const { available } = this.kind === 'cpu' ? this.memory() : { available: Infinity }
    if (bytes > available) {
      throw new Error(
        `[memory] ${this.name} cannot give ${bytes} bytes: ${available} are available. ` +
          'Use a smaller batch or net, or close what is not needed.'
      )
    }
    return this.adopt(new Buffer(this, bytes, staging))
  }

  /** Live bytes and blocks of this device, their peak, and what is left. */
  memory(): MemoryInfo {
    return native.deviceMemory(this.id)
  }
}
