/**
 * Gradient accumulation: each micro-batch but the last adds its gradients to a sum, and the last adds the sum to its
 * own gradients, where the update reads them. The loss of each is scaled by its share of the images, so that the sum
 * is what one larger batch would give.
 */

import type { Buffer } from '../../engine/memory.ts'
import { allocate, packSequential } from '../../net/graph/arena.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import { allReduceFlags } from '../../net/placement/all-reduce-flags.ts'
import type { MicroBatchKind } from '../step/micro-batch.ts'
import { SideCalls } from './side-calls.ts'

/** The sums of gradients, and the calls that add to them. */
export class Accumulation {
  /** f32, by part of the net: as long as all its gradients. */
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

  /** The calls that follow the backward pass of each kind of micro-batch, for one build of the net. */
  async on(net: Net): Promise<Readonly<Record<MicroBatchKind, readonly BoundCall[]>>> {
    const first = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      const tape = tapes[sum.part]
      tape?.copy(gradients, sum, tape.stream)
    })
    const middle = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      await tapes[sum.part]?.call('add', {}, { y: sum, a: sum, b: gradients })
    })
    // Finite numbers may have a sum that is not.
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
    reduceFlags = false
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
    for (let replica = 0; reduceFlags && replica < placement.replicas; replica++) {
      await allReduceFlags(placement, replica, side.tapes, parameters)
    }
    return side.bind()
  }

  /** No program may run the calls after this. */
  close(): void {
    for (const side of this.#side.splice(0)) side.close()
    for (const slab of this.#slabs) slab.close()
  }
}
