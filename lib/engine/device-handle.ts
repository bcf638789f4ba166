import { Handle } from '../native/handle.ts'
import type { DeviceCore } from './core.ts'

/** What a native object of a device is made of. */
export interface DeviceHandleOptions {
  /** Begins the error of a closed object: '[event]'. */
  readonly what: string
  /** The native object's number. */
  readonly id: number
  /** Frees the native object. */
  readonly free: (id: number) => void
  /** Ends the error of a closed object: ': its memory was given back'. */
  readonly remedy?: string
}

/** A native object that belongs to a device and closes with it. */
export class DeviceHandle extends Handle {
  /** The device that owns it. */
  readonly device: DeviceCore
  readonly #free: (id: number) => void

  /** @internal */
  constructor(device: DeviceCore, { what, id, free, remedy }: DeviceHandleOptions) {
    super(what, id, remedy)
    this.device = device
    this.#free = free
  }

  /** Frees it. A second call does nothing. */
  close(): void {
    if (this.release(this.#free)) this.device.forget(this)
  }

  /** Frees it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close()
  }
}
