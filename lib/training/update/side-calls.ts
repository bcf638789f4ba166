import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { allocate, packSequential } from '../../net/graph/arena.ts'
import { type BoundCall, bindCall, type Tape } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { createTapes } from '../../net/placement/tapes.ts'

/** Calls on a net's values that are not part of its build, with memory of their own. */
export class SideCalls {
  /** By part of the net. They share one list of calls. */
  readonly tapes: readonly Tape[]
  readonly #slabs: Buffer[] = []

  constructor(net: Net) {
    this.tapes = createTapes(net.placement)
  }

  /** Allocates the memory. Call it once, when all calls are on the tapes. */
  bind(): BoundCall[] {
    const scratch = new Map<Stream, Tensor>()
    for (const tape of this.tapes) {
      const { device } = tape.stream
      if (tape.values.length > 0) {
        this.#slabs.push(allocate(device, tape.values, packSequential(tape.values)))
      }
      if (tape.scratch === 0) continue
      const slab = device.allocate(tape.scratch)
      this.#slabs.push(slab)
      scratch.set(tape.stream, slab.tensor({ shape: [slab.bytes], dtype: 'u8' }))
    }
    const calls = this.tapes[0]?.calls ?? []
    return calls.map((call) => ({ ...bindCall(call), scratch: scratch.get(call.stream) }))
  }

  /** No program may run the calls after this. */
  close(): void {
    for (const tape of this.tapes) tape.close()
    for (const slab of this.#slabs.splice(0)) slab.close()
  }
}
