/** The tensors of a row in one buffer, with guard bytes between them. */
import type { Tensor } from '../engine/memory.ts'
import type { Op } from '../engine/op.ts'
import type { Stream } from '../engine/stream.ts'
import { decode, dtypeBytes, encode, typedArray } from '../native/dtype.ts'
import { layoutElements, pack, unpack } from '../native/layout.ts'
import type { OpCase } from './case.ts'
import type { Dense } from './reference/index.ts'
import { isSpoilt } from './spoilt.ts'

/** Bytes between tensors, which no op may write. */
const GUARD = 64
const GUARD_BYTE = 0xa5

interface PlacedTensor {
  readonly tensor: Tensor
  /** Its bytes before a run; undefined for an output that is not read. */
  readonly start: Uint8Array | undefined
}

export class Slab {
  readonly #stream: Stream
  readonly #row: OpCase
  readonly #op: Op
  readonly #places = new Map<string, PlacedTensor>()
  readonly #whole: Tensor
  readonly #scratch: Tensor

  constructor(stream: Stream, row: OpCase, op: Op, inputs: Readonly<Record<string, Dense>>) {
    this.#stream = stream
    this.#row = row
    this.#op = op
    const names = Object.keys({ ...row.inputs, ...row.outputs })
    const own = names.filter((name) => !row.alias?.[name])
    let end = GUARD
    const offsets = own.map((name) => {
      const offset = end
      end = align(offset + this.#spec(name).bytes) + GUARD
      return offset
    })
    const scratchAt = end
    const total = align(scratchAt + op.scratch) + GUARD
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

  #place(name: string): PlacedTensor {
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

  /** Initialises all bytes, does the work, and returns all bytes, with those of the scratch zeroed. */
  async run(work: () => void | Promise<void>): Promise<Uint8Array> {
    this.#stream.write(this.#whole, this.#bytesBefore())
    await this.#stream.synchronize()
    await work()
    const bytes = bytesOf(await this.#stream.read(this.#whole))
    // The scratch may depend on the order of threads.
    return bytes.fill(0, this.#scratch.offset, this.#scratch.offset + this.#scratch.bytes)
  }

  #bytesBefore(): Uint8Array {
    const bytes = new Uint8Array(this.#whole.bytes).fill(GUARD_BYTE)
    for (const { tensor, start } of this.#places.values()) {
      // Outputs begin as NaN, so that elements that are not written show.
      if (start) bytes.set(start, tensor.offset)
      else bytes.fill(0xff, tensor.offset, tensor.offset + tensor.bytes)
    }
    return bytes.fill(0xff, this.#scratch.offset, this.#scratch.offset + this.#scratch.bytes)
  }

  /** Outputs in row-major order. */
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

  /** What the op wrote and must not: guard bytes, inputs, nonzero padding of blocked layouts. */
  strayWrites(after: Uint8Array): string[] {
    const before = this.#bytesBefore()
    const found: string[] = []
    const guards = after.slice()
    for (const { offset, bytes } of [this.#scratch, ...this.#tensors()]) {
      guards.set(before.subarray(offset, offset + bytes), offset)
    }
    if (Buffer.compare(guards, before) !== 0) {
      const hit = guards.findIndex((byte, i) => byte !== before[i])
      found.push(`byte ${hit} of ${after.length}, between tensors, was written`)
    }
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
      const all = values(after, place.tensor)
      // Zeros of padding times a NaN make NaN there.
      const numbers = isSpoilt(this.#row) ? all.map((number) => number || 0) : all
      const kept = pack(unpack(numbers, shape, layout), shape, layout)
      if (numbers.some((number, i) => !Object.is(number, kept[i]) && number !== kept[i])) {
        found.push(`${name}: the padding of its blocks is not zero`)
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

/** The numbers of a tensor, in its layout, from the bytes of its buffer. */
function values(bytes: Uint8Array, { offset, dtype, shape, layout }: Tensor): Float64Array {
  const size = layoutElements(shape, layout) * dtypeBytes(dtype)
  const own = new ArrayBuffer(size)
  new Uint8Array(own).set(bytes.subarray(offset, offset + size))
  return decode(typedArray(dtype, own), dtype)
}
