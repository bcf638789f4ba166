/** Memory: devices allocate it, buffers hold it, tensors view it. */
import { native } from '../native/binding.ts'
import type { MemoryInfo } from '../native/device-info.ts'
import { type DType, dtypeBytes, dtypes } from '../native/dtype.ts'
import { OutOfMemoryError } from '../native/errors.ts'
import { denseLayout, elements, type Shape } from '../native/layout.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { list, maybe, oneOf, record, text, typed, whole } from '../util/check/rules.ts'
import { DeviceCore } from './core.ts'
import { DeviceHandle } from './device-handle.ts'

/** How a tensor views its buffer. */
export interface TensorOptions {
  /** Sizes, outermost dimension first; [] is one element. */
  readonly shape: Shape
  /** Element type. */
  readonly dtype: DType
  /** Memory layout in oneDNN's tag notation: 'abcd' is NCHW, 'acdb' NHWC. Default: row-major. */
  readonly layout?: string
  /** First byte in the buffer, a multiple of 4. Default 0. */
  readonly offset?: number
  /** Bytes in memory, padding included. Needed for a blocked layout. Default: elements × bytes per element. */
  readonly bytes?: number
}

const tensorOptions = record<TensorOptions>({
  shape: list(whole({ from: 0 })),
  dtype: oneOf(...dtypes),
  layout: maybe(text),
  offset: maybe(whole({ from: 0 })),
  bytes: maybe(whole({ from: 0 }))
})

/**
 * A view of a buffer: shape, dtype and layout. It owns nothing.
 *
 * @example
 * const buffer = device.allocate(4 * 3 * 32 * 32)
 * const image = buffer.tensor({ shape: [1, 3, 32, 32], dtype: 'f32' }) // [N, C, H, W]
 */
export class Tensor {
  /** The memory that it views. */
  readonly buffer: Buffer
  /** First byte in the buffer. */
  readonly offset: number
  /** Sizes, outermost dimension first. */
  readonly shape: Shape
  /** Element type. */
  readonly dtype: DType
  /** Memory layout in oneDNN's tag notation. */
  readonly layout: string
  /** Bytes in memory, padding included. */
  readonly bytes: number

  /** @throws RangeError if the tensor would reach past the end of its buffer */
  constructor(buffer: Buffer, options: TensorOptions) {
    checkOptions('tensor', options, tensorOptions)
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
 * Memory on one device, until `close()`. New bytes are zero. The garbage collector frees no buffer; it warns
 * of one that was never closed.
 *
 * @example
 * using buffer = device.staging(4096)
 * buffer.set(new Uint8Array(4096).fill(1))
 */
export class Buffer extends DeviceHandle {
  /** Size in bytes. */
  readonly bytes: number
  /** True for memory that the host can write with `set`: pinned memory for a GPU. On a CPU all memory is. */
  readonly staging: boolean

  /** @internal Use `device.allocate` or `device.staging`. */
  constructor(device: DeviceCore, bytes: number, staging = false) {
    super(device, {
      what: '[buffer]',
      id: native.openBuffer(device.id, bytes, staging),
      free: native.closeBuffer,
      remedy: ': its memory was given back'
    })
    this.bytes = bytes
    this.staging = staging
    const stack = (new Error().stack ?? '').split('\n').slice(3).join('\n')
    leaks.register(this, { bytes, stack }, this)
  }

  /**
   * Makes a view of this buffer.
   * @throws RangeError if the tensor would reach past the end
   */
  tensor(options: TensorOptions): Tensor {
    return new Tensor(this, options)
  }

  /**
   * Writes bytes immediately, on the JavaScript thread. No queued work may use these bytes now; if it may, use
   * `stream.write`.
   * @param bytes copied
   * @param offset first byte in the buffer. Default 0
   * @throws Error for GPU memory that is not a staging buffer, and for bytes past the end
   */
  set(bytes: Uint8Array, offset = 0): void {
    checkArguments('buffer', {
      bytes: [bytes, typed('Uint8Array')],
      offset: [offset, whole({ from: 0 })]
    })
    native.writeBuffer(this.id, offset, bytes)
  }

  /**
   * Frees the memory once running work no longer uses it. A second call does nothing.
   * @throws Error while an open program uses the buffer
   */
  override close(): void {
    super.close()
    leaks.unregister(this)
  }
}

/** A device that allocates memory. */
export class DeviceMemory extends DeviceCore {
  /**
   * Allocates memory on the device, filled with zeros.
   * @param bytes a whole number from 0
   * @throws OutOfMemoryError if the device has fewer bytes left
   * @throws Error for anything but a whole number from 0
   */
  allocate(bytes: number): Buffer {
    return this.#allocate(bytes, false)
  }

  /**
   * Allocates memory that the host writes with `set` and streams copy from: pinned memory for a GPU.
   * @param bytes a whole number from 0
   * @throws OutOfMemoryError if there are fewer bytes left
   * @throws Error for anything but a whole number from 0
   */
  staging(bytes: number): Buffer {
    return this.#allocate(bytes, true)
  }

  #allocate(bytes: number, staging: boolean): Buffer {
    checkArguments('memory', { bytes: [bytes, whole({ from: 0 })] })
    // A GPU's driver refuses what it does not have. Linux grants it and ends the process later.
    const { available } = this.kind === 'cpu' ? this.memory() : { available: Infinity }
    if (bytes > available) {
      throw new OutOfMemoryError(
        `[memory] ${this.name} cannot give ${bytes} bytes: ${available} are available. ` +
          'Use a smaller batch or net, or close what is not needed.'
      )
    }
    return this.adopt(new Buffer(this, bytes, staging))
  }

  /** Bytes and buffers in use on this device, their peak, and what is left. */
  memory(): MemoryInfo {
    return native.deviceMemory(this.id)
  }
}
