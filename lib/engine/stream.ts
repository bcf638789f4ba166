import { native, opTable, settled } from '../native/binding.ts'
import { type TypedArray, typedArray } from '../native/dtype.ts'
import { Handle } from '../native/handle.ts'
import type { Fields, PreparedInfo, Spec } from '../native/op-info.ts'
import { checkArguments } from '../util/check/check.ts'
import { maybe, text } from '../util/check/rules.ts'
import type { Event } from './event.ts'
import type { Buffer, DeviceMemory, Tensor } from './memory.ts'
import { Op } from './op.ts'
import {
  anEvent,
  anOp,
  aTensor,
  elementsRule,
  fieldsRule,
  specsRule,
  tensorsRule
} from './part-rules.ts'

/** Options of a stream. */
export interface StreamOptions {
  /** CPU threads that an op may use, 1 to 1024. Default: the device's. */
  readonly threads?: number
  /** On a GPU, work of `high` streams starts before that of `normal` ones. No effect on a CPU. Default `normal`. */
  readonly priority?: 'normal' | 'high'
}

/**
 * A queue of work. It executes asynchronously, in order. An error rejects the next promise of the stream.
 *
 * @example
 * await using stream = device.stream()
 * const op = await stream.prepare('relu', {}, { y: x, x })
 * stream.write(x, Float32Array.of(-1, 2))
 * stream.run(op, { y: x, x })
 * console.log(await stream.read(x)) // Float32Array [0, 2]
 */
export class Stream extends Handle {
  /** The device that owns it. */
  readonly device: DeviceMemory
  /** CPU threads that an op may use. */
  readonly threads: number
  #closing: Promise<void> | undefined

  /** @internal Use `device.stream`. */
  constructor(device: DeviceMemory, { threads, priority }: Required<StreamOptions>) {
    super('[stream]', native.openStream(device.id, threads, priority === 'high'))
    this.device = device
    this.threads = threads
  }

  /**
   * Prepares an op for tensors of given shapes and dtypes: chooses an implementation and the layouts that are
   * left open. Runs nothing and allocates no tensors.
   *
   * @param name the op, a key of `opTable`
   * @param fields its settings; the rest takes the defaults of `opTable`
   * @param specs tensors by slot. Layouts, and the shape and dtype of outputs, may be left out
   * @throws Error for an unknown op, slot or field, and for shapes, dtypes or layouts that do not fit
   */
  async prepare(
    name: string,
    fields: Fields,
    specs: Readonly<Record<string, Spec | undefined>>
  ): Promise<Op> {
    checkArguments('op', {
      name: [name, text],
      fields: [fields, fieldsRule],
      specs: [specs, specsRule]
    })
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
      // A required output needs no spec: its rule gives one.
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
   * @param op prepared on a stream of this device
   * @param tensors by slot, with the shapes, dtypes and layouts that the op was prepared for
   * @param scratch at least `op.scratch` bytes, overwritten
   * @throws Error naming the op and the tensor that does not fit
   */
  run(op: Op, tensors: Readonly<Record<string, Tensor | undefined>>, scratch?: Tensor): void {
    checkArguments('run', {
      op: [op, anOp],
      tensors: [tensors, tensorsRule],
      scratch: [scratch, maybe(aTensor)]
    })
    native.run(this.id, op.id, op.places(tensors, scratch))
  }

  /**
   * Queues a copy of all bytes of `from` to `to`, whatever their layouts. A GPU's stream also copies to and
   * from other GPUs and staging buffers.
   *
   * @throws RangeError for tensors of different sizes in bytes
   * @throws Error for memory that the stream does not reach: on a CPU's stream, other devices; on a GPU's, CPUs,
   * two staging buffers, and a staging buffer with another GPU than the stream's
   */
  copy(to: Tensor, from: Tensor): void {
    checkArguments('copy', { to: [to, aTensor], from: [from, aTensor] })
    if (to.bytes !== from.bytes) {
      throw new RangeError(`[copy] expected ${to.bytes} bytes, got ${from.bytes}`)
    }
    native.copy(this.id, to.buffer.id, to.offset, from.buffer.id, from.offset, to.bytes)
  }

  /**
   * Queues writing elements to a tensor. `data` is copied immediately and may change after.
   *
   * @param data elements in the tensor's layout
   * @throws RangeError for another size in bytes than the tensor's
   * @throws Error for a tensor on another GPU, or on a device that the stream does not reach
   */
  write(to: Tensor, data: TypedArray): void {
    checkArguments('write', { to: [to, aTensor], data: [data, elementsRule] })
    if (data.byteLength !== to.bytes) {
      throw new RangeError(
        `[write] expected ${to.bytes} bytes for [${to.shape}] ${to.dtype}, got ${data.byteLength}`
      )
    }
    using staging: Buffer = this.device.staging(to.bytes)
    staging.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    native.copy(this.id, to.buffer.id, to.offset, staging.id, 0, to.bytes)
  }

  /**
   * Reads a tensor after all work that is queued before.
   * @returns its elements in its own layout; f16 and bf16 as bit patterns in a Uint16Array
   * @throws Error for a tensor on another device, and for what failed in the stream before
   */
  async read(from: Tensor): Promise<TypedArray> {
    checkArguments('read', { from: [from, aTensor] })
    const bytes = await settled<ArrayBuffer>((ticket) =>
      native.read(this.id, ticket, from.buffer.id, from.offset, from.bytes)
    )
    return typedArray(from.dtype, bytes)
  }

  /** Queues a mark: streams that wait for `event` go on when this point is reached. */
  record(event: Event): void {
    checkArguments('stream', { event: [event, anEvent] })
    native.recordEvent(this.id, event.id)
  }

  /** Queues a wait for the latest mark of `event`. Does nothing if it was never recorded. */
  wait(event: Event): void {
    checkArguments('stream', { event: [event, anEvent] })
    native.waitEvent(this.id, event.id)
  }

  /**
   * Milliseconds for which it has waited, by `wait`, for marks of other streams, since it was opened. Undefined on a GPU,
   * where nothing measures it.
   */
  get waited(): number | undefined {
    const ms = native.streamWaited(this.id)
    return Number.isNaN(ms) ? undefined : ms
  }

  /**
   * Waits for all work that is queued before.
   * @throws Error for what failed in it
   */
  synchronize(): Promise<void> {
    return settled((ticket) => native.synchronize(this.id, ticket))
  }

  /** Ends the stream after the work that runs now; queued work is rejected. A second call does nothing. */
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

  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
