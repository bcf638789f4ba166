/**
 * A tape is the list of op calls that a build makes, over values that have no memory yet. Calling an op
 * settles its layouts and puts in a reorder where two neighbours differ; the memory plan then reads the
 * values' lifetimes off the tape.
 */

import type { Tensor } from '../../engine/memory.ts'
import { copyOp, Op, type Operation } from '../../engine/op.ts'
import type { Stream } from '../../engine/stream.ts'
import { opTable } from '../../native/binding.ts'
import { type DType, dtypeBytes } from '../../native/dtype.ts'
import { denseLayout, elements, holdsElements, type Shape } from '../../native/layout.ts'
import type { Fields, Spec } from '../../native/op-info.ts'
import type { Parameter } from './parameter.ts'
import { Value } from './value.ts'

export type Pass = 'input' | 'forward' | 'backward' | 'update' | 'refresh'

export interface Call {
  /** Prepared for the stream's device, or a copy. */
  readonly op: Operation
  /** Where it runs. */
  readonly stream: Stream
  readonly args: Readonly<Record<string, Value | undefined>>
  readonly layer: string
  readonly pass: Pass
}

/** A call with its memory: ready to be run or recorded. */
export interface BoundCall {
  readonly call: Call
  readonly tensors: Readonly<Record<string, Tensor | undefined>>
  /** Of its own, where it is no call of the build. */
  readonly scratch?: Tensor | undefined
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
  /** Which of the build's parts it is of. */
  readonly part: number
  /** In an order that is right one after the other; tapes of several devices share one list. */
  readonly calls: Call[]
  readonly values: Value[] = []
  /** Copies of parameters in other layouts or dtypes than the master weights', by dtype and layout. */
  readonly #packed = new Map<Parameter, Map<string, Value>>()
  /** Values that stand for a parameter; the layout that an op settles on decides which copy it reads. */
  readonly #weights = new Map<Value, Parameter>()
  readonly #ops = new Map<string, Op>()
  readonly #copies = new Map<Value, Map<string, Value>>()
  #layer = ''
  #pass: Pass = 'forward'

  constructor(stream: Stream, part = 0, calls: Call[] = []) {
    this.stream = stream
    this.part = part
    this.calls = calls
  }

  /** What is called from here on belongs to this layer and pass. */
  at(layer: string, pass: Pass): void {
    this.#layer = layer
    this.#pass = pass
  }

  /** Copies of parameters in other layouts or dtypes than the master weights'. */
  get packed(): readonly Value[] {
    return [...this.#packed.values()].flatMap((copies) => [...copies.values()])
  }

  /** The copy of a parameter in this dtype and layout, if an op reads it. */
  packedCopy(parameter: Parameter, dtype: DType, layout: string | undefined): Value | undefined {
    return this.#packed.get(parameter)?.get(`${dtype} ${layout}`)
  }

  get layer(): string {
    return this.#layer
  }

  /** A new value; what is left out is told by the op that writes it. */
  value(name: string, dtype: DType, shape?: Shape, layout?: string): Value {
    const value = new Value({ name, layer: this.#layer, dtype, part: this.part, shape, layout })
    this.values.push(value)
    return value
  }

  /** A value that keeps its bytes for as long as the build lives. */
  permanent(name: string, dtype: DType, shape?: Shape, layout?: string): Value {
    const value = this.value(name, dtype, shape, layout)
    value.permanent = true
    return value
  }

  /** The bytes of `value`, seen as row-major in another shape. It must be row-major itself. */
  view(value: Value, shape: Shape): Value {
    const view = new Value({
      name: value.name,
      layer: value.layer,
      dtype: value.dtype,
      part: this.part,
      shape,
      layout: denseLayout(shape.length),
      bytes: value.bytes,
      of: value
    })
    view.shared = value.shared
    view.trained = value.trained
    return view
  }

  /** Stands for a parameter's weights in `dtype`, in whatever layout the op that reads them wants. */
  weights(parameter: Parameter, dtype: DType): Value {
    if (dtype === 'f32' && parameter.master.layout !== undefined && parameter.dims.length === 1) {
      return parameter.master
    }
    const { name, dims: shape } = parameter
    const value = new Value({ name, layer: this.#layer, dtype, part: this.part, shape })
    this.#weights.set(value, parameter)
    return value
  }

  /** `value` in this layout: itself, or a reordered copy. */
  async as(value: Value, layout: string | undefined): Promise<Value> {
    if (layout === undefined || value.layout === layout) return value
    if (value.layout === undefined) {
      // Nothing has written it yet (the net's input): it can be what is asked for.
      value.layout = layout
      value.bytes = elements(value.dims) * dtypeBytes(value.dtype)
      return value
    }
    const known = this.#copies.get(value)?.get(layout)
    if (known) return known
    const copy = this.value(value.name, value.dtype, value.dims, layout)
    copy.relu = value.relu
    copy.masked = value.masked
    copy.shared = value.shared
    copy.trained = value.trained
    await this.call('reorder', {}, { y: copy, x: value })
    const copies = this.#copies.get(value) ?? new Map<string, Value>()
    this.#copies.set(value, copies.set(layout, copy))
    return copy
  }

  /** Where an elementwise backward may write: over `value`, unless something else reads it too. */
  inPlace(value: Value): Value {
    return value.shared ? this.value(value.name, value.dtype) : value
  }

  async #prepare(name: string, fields: Fields, specs: Record<string, Spec | undefined>) {
    const key = JSON.stringify([name, fields, specs])
    const known = this.#ops.get(key)
    if (known) return known
    const op = await this.stream.prepare(name, fields, specs)
    this.#ops.set(key, op)
    return op
  }

  /** Adds one op call. Outputs without shape or layout get theirs from the op. */
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
      if (!value) continue
      const open = slot.chooses || (slot.role === 'out' && value.layout === undefined)
      // A gradient of weights is written as the op likes it, and reordered below where it must be.
      const gradient =
        name !== 'reorder' && slot.role === 'out' && value.gradient && value.dims.length > 1
      specs[slot.name] = {
        dtype: value.dtype,
        ...(value.shape && { shape: value.shape }),
        ...(!open && !gradient && value.layout !== undefined && { layout: value.layout })
      }
    }
    const op = await this.#prepare(name, fields, specs)
    const settled: Record<string, Value | undefined> = {}
    const after: [to: Value, from: Value][] = []
    for (const slot of slots) {
      const value = args[slot.name]
      const spec = op.slots[slot.name]
      if (!value || !spec) continue
      const parameter = this.#weights.get(value)
      if (parameter) {
        settled[slot.name] = this.#copyOf(parameter, value.dtype, spec.layout, spec.bytes)
      } else if (slot.role === 'in') {
        if (value.layout === undefined) {
          value.layout = spec.layout
          value.bytes = spec.bytes
        }
        settled[slot.name] = await this.as(value, spec.layout)
      } else if (value.layout !== undefined && value.layout !== spec.layout) {
        const temporary = this.value(value.name, value.dtype, spec.shape, spec.layout)
        temporary.bytes = spec.bytes
        settled[slot.name] = temporary
        after.push([value, temporary])
      } else {
        value.shape = spec.shape
        value.layout = spec.layout
        value.bytes = spec.bytes
        settled[slot.name] = value
      }
    }
    this.#add(op, settled, this.stream)
    for (const [y, x] of after) await this.call('reorder', {}, { y, x })
  }

  #add(op: Operation, args: Call['args'], stream: Stream): void {
    for (const value of Object.values(args)) value?.touch(this.calls.length)
    this.calls.push({ op, args, stream, layer: this.#layer, pass: this.#pass })
  }

  /**
   * Copies a value's bytes to another device.
   * @param to the tape of that device
   * @param link a stream that reaches both
   * @returns the copy, in the same layout
   */
  send(value: Value, to: Tape, link: Stream): Value {
    const { name, dtype, dims, layout, bytes } = value
    const copy = to.value(name, dtype, dims, layout)
    copy.bytes = bytes
    copy.trained = value.trained
    this.copy(value, copy, link)
    return copy
  }

  /** Copies a value's bytes to another value, of the same layout. */
  copy(from: Value, to: Value, link: Stream): void {
    this.#add(copyOp, { y: to, x: from }, link)
  }

  #copyOf(parameter: Parameter, dtype: DType, layout: string, bytes: number): Value {
    const { master } = parameter
    if (dtype === 'f32') {
      if (master.layout === undefined && holdsElements(layout)) parameter.settle(layout, bytes)
      if (master.layout === layout) return master
    }
    const known = this.packedCopy(parameter, dtype, layout)
    if (known) return known
    const copy = new Value({
      name: parameter.name,
      layer: this.#layer,
      dtype,
      part: this.part,
      shape: parameter.dims,
      layout,
      bytes,
      permanent: true
    })
    this.values.push(copy)
    const copies = this.#packed.get(parameter) ?? new Map<string, Value>()
    this.#packed.set(parameter, copies.set(`${dtype} ${layout}`, copy))
    return copy
  }

  /** How many bytes of scratch the widest op needs. */
  get scratch(): number {
    return this.calls
      .filter(({ stream }) => stream === this.stream)
      .reduce((most, { op }) => Math.max(most, op.scratch), 0)
  }

  /** Queues, or records, its calls on its own stream; all values have memory. */
  run(scratch?: Tensor): void {
    for (const call of this.calls) {
      const places = Object.entries(call.args).map(([slot, value]) => [slot, value?.place])
      runCall(call, Object.fromEntries(places), scratch)
    }
  }

  /** Gives back the ops that were prepared; what was recorded of them goes on running. */
  close(): void {
    for (const op of this.#ops.values()) op.close()
    this.#ops.clear()
  }

  /** The calls that copy masters to packed copies, as a tape of its own. */
  async refresh(parameters: Iterable<Parameter>): Promise<Tape> {
    const tape = new Tape(this.stream, this.part)
    for (const parameter of parameters) {
      tape.at(parameter.layer, 'refresh')
      for (const copy of this.#packed.get(parameter)?.values() ?? []) {
        // No op has read the masters, but copies of theirs in bf16, in f16 or transformed: they lie as their
        // gradients do, or row-major where there are none.
        const { master, gradient, dims } = parameter
        if (master.layout === undefined) {
          const { layout = denseLayout(dims.length), bytes } = gradient
          parameter.settle(layout, bytes || elements(dims) * 4)
        }
        await tape.call('reorder', {}, { y: copy, x: master })
      }
    }
    return tape
  }
}
