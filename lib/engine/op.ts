import { type Fields, native, type OpInfo, type PreparedInfo } from '../native/binding.ts'
import type { DeviceCore } from './core.ts'
import { Handle } from './handle.ts'
import type { Tensor } from './memory.ts'

/** What a list of calls knows of an op. */
export type Operation = Pick<
  Op,
  'name' | 'info' | 'fields' | 'slots' | 'scratch' | 'implementation'
>

/** A copy of all bytes of x to y, which may lie on another device: what `stream.copy` does, as a call in a list. */
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

/** A slot of a prepared op: everything about its tensor but the memory. */
export type SettledSpec = NonNullable<PreparedInfo['specs'][number]>

/** An op that is ready to run on tensors of settled shapes, dtypes and layouts. */
export class Op extends Handle {
  readonly device: DeviceCore
  readonly name: string
  readonly info: OpInfo
  readonly fields: Fields
  /** By slot; slots that were left out are not there. */
  readonly slots: Readonly<Record<string, SettledSpec>>
  /** Bytes of scratch that each run needs. */
  readonly scratch: number
  /** Which implementation does the work, for people. */
  readonly implementation: string

  /** @internal Use `stream.prepare`. */
  constructor(device: DeviceCore, info: OpInfo, fields: Fields, prepared: PreparedInfo) {
    super(info.name, prepared.id)
    this.device = device
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

  /** @internal Where the tensors lie, as the addon takes it, after checking that they fit. */
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

  close(): void {
    if (this.release(native.closeOp)) this.device.forget(this)
  }
}
