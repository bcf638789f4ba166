/**
 * Updates from the gradients of several batches: rounds, of which each but the last adds its gradients to a sum, and
 * the last leaves all in their usual place. Each round's are its share of the mean over all images, so that sums are
 * what one larger batch would give.
 */

import type { Buffer } from '../../engine/memory.ts'
import { allocate, packSequential } from '../../net/graph/arena.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import { allReduceFlags } from '../../net/placement/all-reduce-flags.ts'
import { SideCalls } from './side-calls.ts'

/** Which of an update's rounds it is: the only one, or one of several. */
export type RoundKind = 'only' | 'first' | 'middle' | 'last'

/** Whether new weights come of such a round. */
export function updates(kind: RoundKind): boolean {
  return kind === 'only' || kind === 'last'
}

/** The images of one round. */
export interface MicroBatch {
  readonly indices: Uint32Array
  /** How many images of the update come before them. */
  readonly first: number
  /** Of the update's images, the fraction that they are. */
  readonly share: number
  readonly kind: RoundKind
}

/** Cuts an update's images into rounds of a batch at most. */
export function roundsOf(indices: Uint32Array, batch: number): MicroBatch[] {
  const count = Math.ceil(indices.length / batch)
  return Array.from({ length: count }, (_, i) => {
    const first = i * batch
    const own = indices.subarray(first, first + batch)
    const kind = count === 1 ? 'only' : i === 0 ? 'first' : i === count - 1 ? 'last' : 'middle'
    return { indices: own, first, share: own.length / indices.length, kind }
  })
}

export class Accumulation {
  /** By part of the net: f32, as long as all its gradients. */
  readonly #sums: readonly Value[]
  readonly #slabs: readonly Buffer[]
  readonly #side: SideCalls[] = []

  constructor(net: Net) {
    const { placement, draft } = net
    this.#sums = placement.parts.map(({ index: part }) => {
      const { dims: shape = [0], bytes = 0 } = draft.gradients[part] ?? {}
      const common = { layer: 'update', dtype: 'f32', layout: 'a', permanent: true } as const
      return new Value({ name: 'gradient sums', part, ...common, shape, bytes })
    })
    this.#slabs = this.#sums.map((sum) => {
      const { device } = placement.parts[sum.part] ?? placement.first
      return allocate(device, [sum], packSequential([sum]))
    })
  }

  get bytes(): number {
    return this.#slabs.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Prepares what a build of the net does with a round's gradients. */
  async on(net: Net): Promise<Readonly<Record<RoundKind, readonly BoundCall[]>>> {
    const first = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      const tape = tapes[sum.part]
      tape?.copy(gradients, sum, tape.stream)
    })
    const middle = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      await tapes[sum.part]?.call('add', {}, { y: sum, a: sum, b: gradients })
    })
    // Numbers that are finite may have a sum that is not.
    const last = await this.#calls(
      net,
      async ({ tapes }, sum, gradients) => {
        const tape = tapes[sum.part]
        await tape?.call('add', {}, { y: gradients, a: gradients, b: sum })
        await tape?.call('finite', {}, { ok: net.parameters.ok(sum.part), x: gradients })
      },
      true
    )
    return { only: [], first, middle, last }
  }

  async #calls(
    net: Net,
    call: (side: SideCalls, sum: Value, gradients: Value) => Promise<void>,
    agreed = false
  ): Promise<readonly BoundCall[]> {
    const { placement, draft, parameters } = net
    const side = new SideCalls(net)
    this.#side.push(side)
    for (const sum of this.#sums) {
      const gradients = draft.gradients[sum.part]
      if (!gradients || gradients.bytes === 0) continue
      side.tapes[sum.part]?.at('update', 'update')
      await call(side, sum, gradients)
    }
    for (let replica = 0; agreed && replica < placement.replicas; replica++) {
      await allReduceFlags(placement, replica, side.tapes, parameters)
    }
    return side.bind()
  }

  /** No program may run the calls any more. */
  close(): void {
    for (const side of this.#side.splice(0)) side.close()
    for (const slab of this.#slabs) slab.close()
  }
}
