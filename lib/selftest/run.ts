/**
 * Runs a row of the table on a device and holds what comes back against the reference, against
 * finite differences, and the recorded run against the eager one.
 */
import type { DeviceCore } from '../engine/core.ts'
import type { Tensor } from '../engine/memory.ts'
import type { Op } from '../engine/op.ts'
import { record } from '../engine/program.ts'
import type { Stream } from '../engine/stream.ts'
import { decode, dtypeBytes, encode, floatDTypes, typedArray } from '../native/dtype.ts'
import { layoutElements, pack, unpack } from '../native/layout.ts'
import { differenceTolerance, type Exactness, type OpCase, repeats, toleranceOf } from './case.ts'
import { compare } from './compare.ts'
import { agreements, finiteDifferences } from './gradient.ts'
import type { Dense } from './reference/index.ts'
import { type CaseInputs, expectedOutputs, makeInputs } from './values.ts'

/** How far off something is, and how far it may be. */
export interface Measure {
  readonly error: number
  readonly bound: number
}

/** What became of a row. */
export interface CaseResult {
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped, a sentence each. */
  readonly reasons: readonly string[]
  /** Of the element nearest its bound, by the reference or by finite differences. */
  readonly worst?: Measure
  /** Which implementation did the work. */
  readonly implementation?: string
  /** What the op made of the row, in the row's shapes. */
  readonly outputs?: Readonly<Record<string, Dense>>
}

/** Tries a row on a stream's device. Rows that the device has nothing for are skipped. */
export async function runCase(stream: Stream, row: OpCase): Promise<CaseResult> {
  let op: Op
  try {
    op = await prepare(stream, row)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const missing = missingOf(stream.device, row, reason)
    return { status: missing ? 'skipped' : 'failed', reasons: [missing ?? reason] }
  }
  try {
    return await judge(stream, row, op)
  } finally {
    op.close()
  }
}

async function judge(stream: Stream, row: OpCase, op: Op): Promise<CaseResult> {
  const values = makeInputs(row)
  const exactness = stream.device
  using slab = new Slab(stream, row, op, values.inputs)
  const eager = await slab.run(() => slab.launch())
  using program = record([stream], () => slab.launch())
  const recorded = await slab.run(() => program.run())
  const outputs = slab.outputs(eager)
  const expected = expectedOutputs(row, values.inputs)
  const found = [
    ...againstReference(outputs, expected, row, exactness),
    ...againstDifferences(outputs, row, values, exactness)
  ]
  const again = () => againstReference(slab.outputs(recorded), expected, row, exactness)
  const differs = repeats(row, exactness)
    ? Buffer.compare(eager, recorded) !== 0
    : again().some(({ reason }) => reason)
  const reasons = [
    ...slab.trespasses(eager),
    ...found.flatMap(({ reason }) => reason ?? []),
    ...(differs ? ['the recorded run differs from the eager one'] : [])
  ]
  const status = reasons.length > 0 ? 'failed' : 'passed'
  return { status, reasons, worst: nearest(found), implementation: op.implementation, outputs }
}

function prepare(stream: Stream, row: OpCase): Promise<Op> {
  const specs = Object.entries({ ...row.outputs, ...row.inputs }).map(
    ([name, { shape, dtype, layout }]) => [name, { shape, dtype, layout }] as const
  )
  return stream.prepare(row.op, row.fields, Object.fromEntries(specs))
}

/** Why a row cannot run, where the backend has no such op, or the device no such dtype. */
function missingOf(device: DeviceCore, row: OpCase, reason: string): string | undefined {
  if (/no \w+ implementation/.test(reason)) return reason
  const used = new Set(Object.values({ ...row.outputs, ...row.inputs }).map(({ dtype }) => dtype))
  for (const dtype of floatDTypes) {
    if (!used.has(dtype)) continue
    try {
      device.requireDType(dtype)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return undefined
}

/** One comparison of a row. */
interface Found extends Measure {
  readonly reason?: string
}

/** How outputs agree with those of the reference, or of another device: one for each output. */
export function againstReference(
  outputs: Readonly<Record<string, Dense>>,
  expected: Readonly<Record<string, Dense>>,
  row: OpCase,
  exactness: Exactness,
  factor = 1
): Found[] {
  return Object.keys(row.outputs).map((name) => {
    const [a, b] = [outputs[name], expected[name]]
    if (!a || !b) return { error: Infinity, bound: 0, reason: `${name} is missing` }
    const { absolute, relative } = toleranceOf(row, name, exactness)
    const tolerance = { absolute: factor * absolute, relative: factor * relative }
    const { at, actual, expected: wanted, count, error, bound } = compare(a, b, tolerance)
    if (count === 0) return { error, bound }
    const off = `${count} of ${b.data.length} are off`
    return { error, bound, reason: `${name}[${at}] is ${actual}, expected ${wanted}; ${off}` }
  })
}

/** How outputs of a backward op agree with finite differences, where the row asks for them. */
function againstDifferences(
  outputs: Readonly<Record<string, Dense>>,
  row: OpCase,
  values: CaseInputs,
  exactness: Exactness
): Found[] {
  if (!row.forward?.differences) return []
  const tolerance = differenceTolerance(row, exactness)
  const all = agreements(finiteDifferences(row, values), outputs, tolerance)
  return all.map(({ output, index, value, actual, error, bound }) => {
    if (error <= bound) return { error, bound }
    const reason = `${output}[${index}] is ${actual}, and its finite difference ${value}`
    return { error, bound, reason }
  })
}

/** The one nearest its bound. */
export function nearest(found: readonly Measure[]): Measure {
  const share = ({ error, bound }: Measure) => (error === 0 ? 0 : error / bound)
  const { error, bound } = found.reduce((a, b) => (share(b) > share(a) ? b : a), {
    error: 0,
    bound: found[0]?.bound ?? 0
  })
  return { error, bound }
}

/** Bytes between tensors that no op may touch, and what they hold. */
const guard = 64
const guardByte = 0xa5

interface Place {
  readonly tensor: Tensor
  /** Its elements before a run, in its own layout; none where the op writes all of it. */
  readonly start: Uint8Array | undefined
}

/** A row's tensors, in one buffer with guards between them. */
class Slab {
  readonly #stream: Stream
  readonly #row: OpCase
  readonly #op: Op
  readonly #places = new Map<string, Place>()
  readonly #whole: Tensor
  readonly #scratch: Tensor

  constructor(stream: Stream, row: OpCase, op: Op, inputs: Readonly<Record<string, Dense>>) {
    this.#stream = stream
    this.#row = row
    this.#op = op
    const names = Object.keys({ ...row.inputs, ...row.outputs })
    const own = names.filter((name) => !row.alias?.[name])
    let end = guard
    const offsets = own.map((name) => {
      const offset = end
      end = align(offset + this.#spec(name).bytes) + guard
      return offset
    })
    const scratchAt = end
    const total = align(scratchAt + op.scratch) + guard
    const buffer = stream.device.allocate(total)
    this.#whole = buffer.tensor({ shape: [total], dtype: 'u8' })
    this.#scratch = buffer.tensor({ shape: [op.scratch], dtype: 'u8', offset: scratchAt })
    own.forEach((name, i) => {
      const { shape, dtype, layout, bytes } = this.#spec(name)
      const tensor = buffer.tensor({ shape, dtype, layout, bytes, offset: offsets[i] ?? 0 })
      const input = inputs[name]
      const start = input && bytesOf(encode(pack(input.data, shape, layout), dtype))
      this.#places.set(name, { tensor, start })
    })
  }

  #spec(name: string) {
    const spec = this.#op.slots[name]
    if (!spec) throw new Error(`[selftest] expected ${this.#row.op} to have a tensor ${name}`)
    const bytes = layoutElements(spec.shape, spec.layout) * dtypeBytes(spec.dtype)
    if (spec.bytes !== bytes) {
      throw new Error(`[selftest] expected ${bytes} bytes for ${name}, got ${spec.bytes}`)
    }
    return spec
  }

  #place(name: string): Place {
    const place = this.#places.get(this.#row.alias?.[name] ?? name)
    if (!place) throw new Error(`[selftest] expected a tensor ${name}`)
    return place
  }

  /** Queues one run of the op. */
  launch(): void {
    const names = Object.keys({ ...this.#row.inputs, ...this.#row.outputs })
    const tensors = names.map((name) => [name, this.#place(name).tensor] as const)
    this.#stream.run(this.#op, Object.fromEntries(tensors), this.#scratch)
  }

  /** Sets all bytes to what they are before a run, and returns all but the scratch's after it. */
  async run(work: () => void | Promise<void>): Promise<Uint8Array> {
    this.#stream.write(this.#whole, this.#before())
    await this.#stream.synchronize()
    await work()
    const bytes = bytesOf(await this.#stream.read(this.#whole))
    // What is in there may hang on which thread did which part.
    return bytes.fill(0, this.#scratch.offset, this.#scratch.offset + this.#scratch.bytes)
  }

  #before(): Uint8Array {
    const bytes = new Uint8Array(this.#whole.bytes).fill(guardByte)
    for (const { tensor, start } of this.#places.values()) {
      // Outputs begin as NaN, so that what is not written shows.
      if (start) bytes.set(start, tensor.offset)
      else bytes.fill(0xff, tensor.offset, tensor.offset + tensor.bytes)
    }
    return bytes.fill(0xff, this.#scratch.offset, this.#scratch.offset + this.#scratch.bytes)
  }

  /** Outputs as the row's shapes have them. */
  outputs(after: Uint8Array): Record<string, Dense> {
    const outputs: Record<string, Dense> = {}
    for (const name of Object.keys(this.#row.outputs)) {
      const { tensor } = this.#place(name)
      outputs[name] = {
        shape: tensor.shape,
        data: unpack(values(after, tensor), tensor.shape, tensor.layout)
      }
    }
    return outputs
  }

  /** What was written that is none of the op's business: guards, inputs, the filling of blocks. */
  trespasses(after: Uint8Array): string[] {
    const before = this.#before()
    const found: string[] = []
    const free = new Uint8Array(after.length)
    for (const { offset, bytes } of [this.#scratch, ...this.#tensors()]) {
      free.fill(1, offset, offset + bytes)
    }
    const hit = after.findIndex((byte, i) => !free[i] && byte !== before[i])
    if (hit >= 0) found.push(`byte ${hit} of ${after.length}, which is no tensor's, was written`)
    const written = new Set(Object.keys(this.#row.outputs).map((name) => this.#place(name)))
    for (const [name, place] of this.#places) {
      const { offset, bytes, shape, layout } = place.tensor
      const now = after.subarray(offset, offset + bytes)
      if (!written.has(place)) {
        if (Buffer.compare(now, before.subarray(offset, offset + bytes))) {
          found.push(`the input ${name} was written`)
        }
        continue
      }
      const numbers = values(after, place.tensor)
      const kept = pack(unpack(numbers, shape, layout), shape, layout)
      if (numbers.some((number, i) => !Object.is(number, kept[i]) && number !== kept[i])) {
        found.push(`${name}: the filling of its blocks is not zero`)
      }
    }
    return found
  }

  #tensors(): Tensor[] {
    return [...this.#places.values()].map(({ tensor }) => tensor)
  }

  [Symbol.dispose](): void {
    this.#whole.buffer.close()
  }
}

function align(offset: number): number {
  return Math.ceil(offset / 64) * 64
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The numbers of a tensor in its own layout, out of its buffer's bytes. */
function values(bytes: Uint8Array, { offset, dtype, shape, layout }: Tensor): Float64Array {
  const size = layoutElements(shape, layout) * dtypeBytes(dtype)
  const own = new ArrayBuffer(size)
  new Uint8Array(own).set(bytes.subarray(offset, offset + size))
  return decode(typedArray(dtype, own), dtype)
}
