import { native } from '../native/binding.ts'
import type { Device } from './device.ts'
import { Tensor, type TensorOptions } from './tensor.ts'

const lost = new FinalizationRegistry<{ bytes: number; stack: string }>(({ bytes, stack }) => {
  process.emitWarning(
    `[buffer] ${bytes} bytes were lost: a buffer was collected without close(). It was made here:\n${stack}`,
    'AlexnodeLeak'
  )
})

/**
 * A slab of memory on one device, alive until `close()`. Fresh bytes are zero. A staging buffer lies where
 * the host can write it: on a GPU in pinned memory, which streams copy from.
 */
export class Buffer {
  readonly device: Device
  readonly bytes: number
  /** Whether the host can write it with `set`; on a CPU it always can. */
  readonly staging: boolean
  readonly #id: number
  #closed = false

  /** @internal Use `device.allocate` or `device.staging`. */
  constructor(device: Device, bytes: number, staging = false) {
    this.device = device
    this.bytes = bytes
    this.staging = staging
    this.#id = native.openBuffer(device.id, bytes, staging)
    lost.register(
      this,
      { bytes, stack: (new Error().stack ?? '').split('\n').slice(3).join('\n') },
      this
    )
  }

  /** @internal */
  get id(): number {
    if (this.#closed) throw new Error('[buffer] is closed: its memory was given back')
    return this.#id
  }

  get closed(): boolean {
    return this.#closed
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
    if (this.#closed) return
    native.closeBuffer(this.#id)
    this.#closed = true
    lost.unregister(this)
    this.device.forget(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
