/**
 * A tape lists the op calls of a build, over values that have no memory yet. Adding a call prepares the op, which
 * settles the layouts of its values, and inserts a reorder where an input has another layout. The memory plan reads
 * the values' lifetimes from the tape.
 */

import type { Tensor } from '../../engine/memory.ts'
import { copyOp, Op, type Operation } from '../../engine/op.ts'
import type { Stream } from '../../engine/stream.ts'
import { opTable } from '../../native/binding.ts'
import { type DType, dtypeBytes } from '../../native/dtype.ts'
import { denseLayout, elements, holdsElements, type Shape } from '../../native/layout.ts'
import type { Fields, SettledSpec, SlotInfo, Spec } from '../../native/op-info.ts'
import type { Parameter } from './parameter.ts'
import { Value } from './value.ts'

/** What a call is for. `refresh` copies master weights to packed copies. */
export type Pass = 'input' | 'forward' | 'backward' | 'update' | 'refresh'

export interface Call {
  /** Prepared for the stream's device, or a copy. */
  readonly op: Operation
  readonly stream: Stream
  /** By slot. */
  readonly args: Readonly<Record<string, Value | undefined>>
  readonly layer: string
  readonly pass: Pass
}

/** A call with its tensors: ready to be queued or recorded. */
export interface BoundCall {
  readonly call: Call
  readonly tensors: Readonly<Record<string, Tensor | undefined>>
  /** Scratch of its own; default: the build's. */
  readonly scratch?: Tensor | undefined
}

/** Gives a call its tensors; all its values have memory. */
export function bindCall(call: Call): BoundCall {
  const tensors = Object.entries(call.args).map(([slot, value]) => [slot, value?.place])
  return { call, tensors: Object.fromEntries(tensors) }
}

/** Queues, or records, a call on its stream. */
export function runCall(
  { op, stream }: Call,
  tensors: Readonly<Record<string, Tensor | undefined>>,
  scratch: Tensor | undefined
): void {
  const { x, y } = tensors
  if (op instanceof Op) stream.run(op, tensors, scratch)
  else if (x && y) stream.copy(y, x)
}

export class Tape {
  readonly stream: Stream
  /** Index of the build's part that its values are on. */
  readonly part: number
  /** In a valid serial order. The tapes of several devices share one list. */
  readonly calls: Call[]
  readonly values: Value[] = []
  readonly #packed = new Map<Parameter, Value[]>()
  /** Values that stand for a parameter's weights until an op settles the layout that it reads. */
  readonly #weights = new Map<Value, Parameter>()
  readonly #ops = new Map<string, Op>()
  /** Reordered copies of values, by layout. */
  readonly #reordered = new Map<Value, Map<string, Value>>()
  #layer = ''
  #pass: Pass = 'forward'

  constructor(stream: Stream, part = 0, calls: Call[] = []) {
    this.stream = stream
    this.part = part
    this.calls = calls
  }

  /** Tags subsequent calls with this layer and pass. */
  at(layer: string, pass: Pass): void {
    this.#layer = layer
    this.#pass = pass
  }

  /** Packed copies: parameters in other dtypes or layouts than the master weights'. */
  get packed(): readonly Value[] {
    return [...this.#packed.values()].flat()
  }

  /** The packed copy of a parameter in this dtype and layout, if an op reads it. */
  packedCopy(parameter: Parameter, dtype: DType, layout: string | undefined): Value | undefined {
    const copies = this.#packed.get(parameter) ?? []
    return copies.find((copy) => copy.dtype === dtype && copy.layout === layout)
  }

  /** Creates a value. The op that writes it settles what is left out. */
  value(name: string, dtype: DType, shape?: Shape, layout?: string): Value {
    const value = new Value({ name, layer: this.#layer, dtype, part: this.part, shape, layout })
    this.values.push(value)
    return value
  }

  /** Creates a value that keeps its bytes for as long as the build lives. */
  permanent(name: string, dtype: DType, shape?: Shape, layout?: string): Value {
    const value = this.value(name, dtype, shape, layout)
    value.permanent = true
    return value
  }

  /** The bytes of a row-major value in another shape. */
  view(value: Value, shape: Shape): Value {
    const { name, layer, dtype, bytes } = value
    const layout = denseLayout(shape.length)
    const view = new Value({
      name,
      layer,
      dtype,
      part: this.part,
      shape,
      layout,
      bytes,
      viewOf: value
    })
    view.multipleConsumers = value.multipleConsumers
    view.needsGradient = value.needsGradient
    return view
  }

  /**
   * A parameter's weights in this dtype: the master weights, or a packed copy in the layout that the op which reads
   * them chooses.
   */
  weights(parameter: Parameter, dtype: DType): Value {
    if (dtype === 'f32' && parameter.master.layout !== undefined && parameter.dims.length === 1) {
      return parameter.master
    }
    const { name, dims: shape } = parameter
    const value = new Value({ name, layer: this.#layer, dtype, part: this.part, shape })
    this.#weights.set(value, parameter)
    return value
  }

  /** The value in this layout: itself, or a reordered copy. */
  async inLayout(value: Value, layout: string | undefined): Promise<Value> {
    if (layout === undefined || value.layout === layout) return value
    if (value.layout === undefined) {
      // Nothing writes the net's input on the tape, so its first reader settles the layout.
      value.layout = layout
      value.bytes = elements(value.dims) * dtypeBytes(value.dtype)
      return value
    }
    const known = this.#reordered.get(value)?.get(layout)
    if (known) return known
    const copy = this.value(value.name, value.dtype, value.dims, layout)
    copy.relu = value.relu
    copy.masked = value.masked
    copy.multipleConsumers = value.multipleConsumers
    copy.needsGradient = value.needsGradient
    await this.call('reorder', {}, { y: copy, x: value })
    const copies = this.#reordered.get(value) ?? new Map<string, Value>()
    this.#reordered.set(value, copies.set(layout, copy))
    return copy
  }

  /** Output of an elementwise op on `value`: the value itself, unless it has several consumers. */
  inPlace(value: Value): Value {
    return value.multipleConsumers ? this.value(value.name, value.dtype) : value
  }

  async #prepare(name: string, fields: Fields, specs: Record<string, Spec | undefined>) {
    const key = JSON.stringify([name, fields, specs])
    const known = this.#ops.get(key)
    if (known) return known
    const op = await this.stream.prepare(name, fields, specs)
    this.#ops.set(key, op)
    return op
  }

  /**
   * Adds a call of an op. Outputs without shape or layout get theirs from the op.
   * @param args by slot
   * @throws Error if there is no such op, or it refuses these fields or values
   */
  async call(
    name: string,
    fields: Fields,
    args: Readonly<Record<string, Value | undefined>>
  ): Promise<void> {
    const slots = opTable.get(name)?.slots
    if (!slots) throw new Error(`[tape] there is no op '${name}'`)
    const specs: Record<string, Spec | undefined> = {}
    for (const slot of slots) {
      const value = args[slot.name]
      if (value) specs[slot.name] = specOf(value, slot, name !== 'reorder')
    }
    const op = await this.#prepare(name, fields, specs)
    const settled: Record<string, Value | undefined> = {}
    const reorders: { readonly y: Value; readonly x: Value }[] = []
    for (const slot of slots) {
      const value = args[slot.name]
      const spec = op.slots[slot.name]
      if (!value || !spec) continue
      const read = slot.role === 'in' || this.#weights.has(value)
      const used = read ? await this.#settleInput(value, spec) : this.#settleOutput(value, spec)
      settled[slot.name] = used
      if (!read && used !== value) reorders.push({ y: value, x: used })
    }
    this.#add(op, settled, this.stream)
    for (const { y, x } of reorders) await this.call('reorder', {}, { y, x })
  }

  /** What an op reads for this value: the value, a reordered copy, or a parameter's weights. */
  async #settleInput(value: Value, spec: SettledSpec): Promise<Value> {
    const parameter = this.#weights.get(value)
    if (parameter) return this.#weightsIn(parameter, value.dtype, spec)
    if (value.layout === undefined) {
      value.layout = spec.layout
      value.bytes = spec.bytes
    }
    return this.inLayout(value, spec.layout)
  }

  /** What an op writes for this value: the value, or a temporary one that is reordered to it. */
  #settleOutput(value: Value, { shape, layout, bytes }: SettledSpec): Value {
    const known = value.layout
    const output =
      known === undefined || known === layout
        ? value
        : this.value(value.name, value.dtype, shape, layout)
    output.shape = shape
    output.layout = layout
    output.bytes = bytes
    return output
  }

  #add(op: Operation, args: Call['args'], stream: Stream): void {
    for (const value of Object.values(args)) value?.touch(this.calls.length)
    this.calls.push({ op, args, stream, layer: this.#layer, pass: this.#pass })
  }

  /**
   * Copies a value to another device.
   * @param to a tape of that device
   * @param link a stream that reaches both devices
   * @returns the copy, in the same layout
   */
  send(value: Value, to: Tape, link: Stream): Value {
    const { name, dtype, dims, layout, bytes } = value
    const copy = to.value(name, dtype, dims, layout)
    copy.bytes = bytes
    copy.needsGradient = value.needsGradient
    this.copy(value, copy, link)
    return copy
  }

  /** Copies a value's bytes to another value of the same layout. */
  copy(from: Value, to: Value, link: Stream): void {
    this.#add(copyOp, { y: to, x: from }, link)
  }

  /** The master weights if they suit the op, or a packed copy. */
  #weightsIn(parameter: Parameter, dtype: DType, { layout, bytes }: SettledSpec): Value {
    const { master } = parameter
    if (dtype === 'f32') {
      if (master.layout === undefined && holdsElements(layout)) parameter.settle(layout, bytes)
      if (master.layout === layout) return master
    }
    const known = this.packedCopy(parameter, dtype, layout)
    if (known) return known
    const copy = this.permanent(parameter.name, dtype, parameter.dims, layout)
    copy.bytes = bytes
    this.#packed.set(parameter, [...(this.#packed.get(parameter) ?? []), copy])
    return copy
  }

  /** Bytes of scratch that its largest op needs. */
  get scratch(): number {
    return this.calls
      .filter(({ stream }) => stream === this.stream)
      .reduce((most, { op }) => Math.max(most, op.scratch), 0)
  }

  /** Queues, or records, its calls; all values have memory. */
  run(scratch?: Tensor): void {
    for (const call of this.calls) runCall(call, bindCall(call).tensors, scratch)
  }

  /** Closes its ops. Programs that were recorded with them still run. */
  close(): void {
    for (const op of this.#ops.values()) op.close()
    this.#ops.clear()
  }

  /** A tape that copies master weights to the packed copies. */
  async refresh(parameters: Iterable<Parameter>): Promise<Tape> {
    const tape = new Tape(this.stream, this.part)
    for (const parameter of parameters) {
      tape.at(parameter.layer, 'refresh')
      for (const copy of this.#packed.get(parameter) ?? []) {
        const { master, gradient, dims } = parameter
        if (master.layout === undefined) {
          // All ops read packed copies. The master weights take the gradient's layout, or row-major for inference.
          const { layout = denseLayout(dims.length), bytes } = gradient
          parameter.settle(layout, bytes || elements(dims) * 4)
        }
        await tape.call('reorder', {}, { y: copy, x: master })
      }
    }
    return tape
  }
}

/**
 * The spec of a value that an op is prepared with.
 * @param ownGradients whether the op may write a parameter's gradient in a layout of its choice
 */
function specOf(value: Value, { role, chooses }: SlotInfo, ownGradients: boolean): Spec {
  const { dtype, shape, layout, isParameterGradient } = value
  const free =
    chooses || (role === 'out' && ownGradients && isParameterGradient && value.dims.length > 1)
  return { dtype, ...(shape && { shape }), ...(!free && layout !== undefined && { layout }) }
}
