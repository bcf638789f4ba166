import {
  type Fields,
  native,
  opTable,
  type PreparedInfo,
  type Spec,
  settled
} from '../native/binding.ts'
import { type TypedArray, typedArray } from '../native/dtype.ts'
import type { DeviceCore } from './core.ts'
import { Handle } from './handle.ts'
import type { Buffer, DeviceMemory, Tensor } from './memory.ts'
import { Op } from './op.ts'

/** Marks a point in one stream that another stream can wait for. */
export class Event extends Handle {
  readonly device: DeviceCore

  /** @internal Use `device.event`. */
  constructor(device: DeviceCore) {
    super('event', native.openEvent(device.id))
    this.device = device
  }

  close(): void {
    if (this.release(native.closeEvent)) this.device.forget(this)
  }
}

export interface StreamOptions {
  /** CPU threads that an op may use; default: the device's. */
  readonly threads?: number
  /** Of a GPU's streams: `high` goes before others where both have work. Default `normal`. */
  readonly priority?: 'normal' | 'high'
}

/**
 * Runs what it is given in order, beside JavaScript; no call waits. What fails in it is told to the next
 * call that returns a promise.
 */
export class Stream extends Handle {
  readonly device: DeviceMemory
  /** CPU threads that an op may use. */
  readonly threads: number
  #closing: Promise<void> | undefined

  /** @internal Use `device.stream`. */
  constructor(device: DeviceMemory, { threads, priority }: Required<StreamOptions>) {
    super('stream', native.openStream(device.id, threads, priority === 'high'))
    this.device = device
    this.threads = threads
  }

  /**
   * Makes an op ready for tensors like these: chooses its implementation, the layouts left open,
   * and how much scratch it takes. Nothing is run and no memory for tensors is taken.
   *
   * @param specs by slot; shape and dtype of an output, and layouts, may be left out
   * @throws Error naming the op, what was expected and what came
   */
  async prepare(
    name: string,
    fields: Fields,
    specs: Readonly<Record<string, Spec | undefined>>
  ): Promise<Op> {
    const info = opTable.get(name)
    if (!info) {
      throw new Error(`[op] there is no op '${name}'; there are ${[...opTable.keys()].join(', ')}`)
    }
    for (const slot of Object.keys(specs)) {
      if (!info.slots.some(({ name }) => name === slot)) {
        throw new Error(
          `[${name}] has no tensor '${slot}'; it has ${info.slots.map(({ name }) => name).join(', ')}`
        )
      }
    }
    const list = info.slots.map(
      // An output that is not optional is there even when nothing was said about it.
      (slot) => specs[slot.name] ?? (slot.optional || slot.role !== 'out' ? undefined : {})
    )
    const prepared = await settled<PreparedInfo>((ticket) =>
      native.prepare(this.id, ticket, name, fields, list)
    )
    return this.device.adopt(new Op(this.device, info, fields, prepared))
  }

  /**
   * Queues one run of a prepared op.
   *
   * @param tensors by slot, of the shapes, dtypes and layouts that the op was prepared for
   * @param scratch `op.scratch` bytes that the op may write over
   * @throws Error naming the op and the tensor that does not fit
   */
  run(op: Op, tensors: Readonly<Record<string, Tensor | undefined>>, scratch?: Tensor): void {
    native.run(this.id, op.id, op.places(tensors, scratch))
  }

  /**
   * Queues a copy of `from`'s bytes to `to`. Layouts are not looked at. A GPU's stream also copies from and
   * to other GPUs and staging buffers.
   *
   * @throws RangeError for tensors of unequal bytes
   * @throws Error for memory that the stream does not reach: a CPU's stream that of other devices, a GPU's that
   * of CPUs; for staging buffers on both sides on a GPU, and one that is copied to or from another GPU than the
   * stream's
   */
  copy(to: Tensor, from: Tensor): void {
    if (to.bytes !== from.bytes) {
      throw new RangeError(`[copy] expected ${to.bytes} bytes, got ${from.bytes}`)
    }
    native.copy(this.id, to.buffer.id, to.offset, from.buffer.id, from.offset, to.bytes)
  }

  /**
   * Queues writing `data`, which is copied at once, into a tensor. The elements are taken in the tensor's own
   * layout.
   *
   * @throws RangeError where `data` has not the tensor's bytes
   * @throws Error for a tensor on another GPU than the stream's, or on a device that the stream does not reach
   */
  write(to: Tensor, data: TypedArray): void {
    if (data.byteLength !== to.bytes) {
      throw new RangeError(
        `[write] expected ${to.bytes} bytes for [${to.shape}] ${to.dtype}, got ${data.byteLength}`
      )
    }
    using staging: Buffer = this.device.staging(to.bytes)
    staging.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    native.copy(this.id, to.buffer.id, to.offset, staging.id, 0, to.bytes)
  }

  /** Resolves with a tensor's elements, in its own layout, when all that was queued before is done. */
  async read(from: Tensor): Promise<TypedArray> {
    const bytes = await settled<ArrayBuffer>((ticket) =>
      native.read(this.id, ticket, from.buffer.id, from.offset, from.bytes)
    )
    return typedArray(from.dtype, bytes)
  }

  /** Marks this point of the stream. */
  record(event: Event): void {
    native.recordEvent(this.id, event.id)
  }

  /** Lets what is queued from here wait for the event's latest mark. */
  wait(event: Event): void {
    native.waitEvent(this.id, event.id)
  }

  /** Resolves when all that was queued before is done; rejects with what failed in it. */
  synchronize(): Promise<void> {
    return settled((ticket) => native.synchronize(this.id, ticket))
  }

  /** Ends the stream after what runs now; what is still queued is rejected. Resolves when it has ended. */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    await settled<void>((ticket) => {
      this.release((id) => native.closeStream(id, ticket))
    })
    this.device.forget(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
