/** The device memory of a build, besides that of its parameters. */
import type { Buffer, Tensor } from '../engine/memory.ts'
import type { Stream } from '../engine/stream.ts'
import type { Draft } from './draft.ts'
import { allocate, packByLifetime, packSequential } from './graph/arena.ts'
import type { Part } from './placement/placement.ts'

/** Slabs for the values of a draft, and scratch for each of its streams. */
export class NetMemory {
  readonly #slabs: Buffer[] = []
  readonly #scratch = new Map<Stream, Tensor>()

  /**
   * Allocates memory, and gives all values of the draft their tensors.
   * @throws OutOfMemoryError if a device has too little; nothing stays allocated then
   */
  constructor(draft: Draft) {
    const { parts, streams } = draft.placement
    try {
      for (const part of parts) this.#allocate(part, draft)
      for (const stream of streams) this.#allocateScratch(stream, draft.scratchOf(stream))
    } catch (error) {
      this.close()
      throw error
    }
  }

  #allocate({ index, device }: Part, draft: Draft): void {
    const values = draft.valuesOf(index)
    const permanent = values.filter((value) => value.permanent)
    const activations = values.filter((value) => !value.permanent && value.bytes > 0)
    const gradients = draft.gradients[index]
    if (gradients) gradients.tensor = draft.parameters.gradients(index)
    this.#slabs.push(allocate(device, activations, packByLifetime(activations)))
    this.#slabs.push(allocate(device, permanent, packSequential(permanent)))
  }

  #allocateScratch(stream: Stream, bytes: number): void {
    if (bytes === 0) return
    const buffer = stream.device.allocate(bytes)
    this.#slabs.push(buffer)
    this.#scratch.set(stream, buffer.tensor({ shape: [bytes], dtype: 'u8' }))
  }

  /** u8: scratch for the ops of a stream. */
  scratchOf(stream: Stream): Tensor | undefined {
    return this.#scratch.get(stream)
  }

  close(): void {
    for (const slab of this.#slabs.splice(0)) slab.close()
  }
}
