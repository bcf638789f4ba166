import { native } from '../native/binding.ts'
import type { Fields, OpInfo, PreparedInfo, SettledSpec } from '../native/op-info.ts'
import type { DeviceCore } from './core.ts'
import { DeviceHandle } from './device-handle.ts'
import type { Tensor } from './memory.ts'

/** What a list of calls needs to know of an op. */
export type Operation = Pick<
  Op,
  'name' | 'info' | 'fields' | 'slots' | 'scratch' | 'implementation'
>

/** Copies all bytes of x to y, also between devices: `stream.copy` as a call in a list. */
export const copyOp: Operation = {
  name: 'copy',
  info: {
    name: 'copy',
    slots: [
      { name: 'y', role: 'out', dtypes: [], optional: false, chooses: false },
      { name: 'x', role: 'in', dtypes: [], optional: false, chooses: false }
    ],
    fields: {}
  },
  fields: {},
  slots: {},
  scratch: 0,
  implementation: 'copy'
}

/**
 * An op, prepared for tensors of fixed shapes, dtypes and layouts. It holds no tensors.
 *
 * @example
 * const x = device.allocate(4096).tensor({ shape: [1024], dtype: 'f32' })
 * using op = await stream.prepare('relu', {}, { y: x, x })
 * stream.run(op, { y: x, x })
 */
export class Op extends DeviceHandle {
  /** Such as `conv2d`. */
  readonly name: string
  /** Its slots, and its fields with their defaults. */
  readonly info: OpInfo
  /** The fields that it was prepared with. */
  readonly fields: Fields
  /** Shape, dtype and layout of its tensors by slot; optional tensors that were left out are missing. */
  readonly slots: Readonly<Record<string, SettledSpec>>
  /** Bytes of scratch that each run needs. */
  readonly scratch: number
  /** Name of the implementation, for people. */
  readonly implementation: string

  /** @internal Use `stream.prepare`. */
  constructor(device: DeviceCore, info: OpInfo, fields: Fields, prepared: PreparedInfo) {
    super(device, { what: `[${info.name}]`, id: prepared.id, free: native.closeOp })
    this.name = info.name
    this.info = info
    this.fields = fields
    this.scratch = prepared.scratch
    this.implementation = prepared.implementation
    const slots: Record<string, SettledSpec> = {}
    for (const [i, slot] of info.slots.entries()) {
      const spec = prepared.specs[i]
      if (spec) slots[slot.name] = spec
    }
    this.slots = slots
  }

  /**
   * @internal Buffer and offset of each slot and of the scratch, as native code takes them.
   * @throws Error if a tensor is missing or does not fit its slot
   */
  places(tensors: Readonly<Record<string, Tensor | undefined>>, scratch?: Tensor): Float64Array {
    const { slots } = this.info
    const places = new Float64Array(2 * (slots.length + 1))
    for (const [i, slot] of slots.entries()) {
      const spec = this.slots[slot.name]
      const tensor = tensors[slot.name]
      if (!spec) continue
      if (!tensor) throw new Error(`[${this.name}] needs the tensor '${slot.name}', and got none`)
      if (
        tensor.dtype !== spec.dtype ||
        tensor.layout !== spec.layout ||
        tensor.bytes < spec.bytes ||
        tensor.shape.length !== spec.shape.length ||
        tensor.shape.some((dim, d) => dim !== spec.shape[d])
      ) {
        throw new Error(
          `[${this.name}] ${slot.name}: expected [${spec.shape}] ${spec.dtype} ${spec.layout}, ` +
            `got [${tensor.shape}] ${tensor.dtype} ${tensor.layout}`
        )
      }
      places[2 * i] = tensor.buffer.id
      places[2 * i + 1] = tensor.offset
    }
    if (this.scratch > 0) {
      if (!scratch || scratch.bytes < this.scratch) {
        throw new Error(
          `[${this.name}] expected ${this.scratch} bytes of scratch, got ${scratch?.bytes ?? 'none'}`
        )
      }
      places[2 * slots.length] = scratch.buffer.id
      places[2 * slots.length + 1] = scratch.offset
    }
    return places
  }
}
