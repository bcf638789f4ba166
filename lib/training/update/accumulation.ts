/**
 * Gradient accumulation: each micro-batch but the last adds its gradients to a sum, and the last adds the sum to its
 * own gradients, where the update reads them. The loss of each is scaled by its share of the images, so that the sum
 * is what one larger batch would give. Each replica has sums of its own; the last micro-batch alone all-reduces.
 */

import type { Buffer } from '../../engine/memory.ts'
import { allocate, packSequential } from '../../net/graph/arena.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import { allReduceFlags } from '../../net/placement/all-reduce-flags.ts'
import { asVector } from '../../net/placement/replica-sync.ts'
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

  /** The calls that follow the forward pass of each kind of micro-batch, for one build of the net. */
  async on(net: Net): Promise<Readonly<Record<MicroBatchKind, readonly BoundCall[]>>> {
    const { backward } = net.calls
    const first = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      const tape = tapes[sum.part]
      tape?.copy(gradients, sum, tape.stream)
    })
    const middle = await this.#calls(net, async ({ tapes }, sum, gradients) => {
      await tapes[sum.part]?.call('add', {}, { y: sum, a: sum, b: gradients })
    })
    const local = withoutReductions(net, backward)
    return {
      only: backward,
      first: [...local, ...first],
      middle: [...local, ...middle],
      last: net.draft.reductions.length > 0 ? await this.#reduced(net) : await this.#last(net)
    }
  }

  /** The last micro-batch of a net that is alone: adds the sums when all gradients are there. */
  async #last(net: Net): Promise<readonly BoundCall[]> {
    const { placement, parameters } = net
    const own = await this.#calls(
      net,
      async ({ tapes }, sum, gradients) => {
        const tape = tapes[sum.part]
        await tape?.call('add', {}, { y: gradients, a: gradients, b: sum })
        // Finite numbers may have a sum that is not.
        await tape?.call('finite', {}, { ok: parameters.ok(sum.part), x: gradients })
      },
      ({ tapes }) => allReduceFlags(placement, 0, tapes, parameters)
    )
    return [...net.calls.backward, ...own]
  }

  /**
   * The last micro-batch of replicas, or of a group of processes. Each adds its own sum to a gradient before that is all-reduced, so that gradients
   * are exchanged once a step, while the backward pass goes on; it ends with the check that they are finite.
   */
  async #reduced(net: Net): Promise<readonly BoundCall[]> {
    const side = this.#sideOf(net)
    const ends: number[] = []
    for (const { gradients } of net.draft.reductions) {
      for (const gradient of gradients) {
        const { part, layer } = gradient
        const tape = side.tapes[part]
        const y = asVector(gradient)
        tape?.at(layer, 'backward')
        await tape?.call('add', {}, { y, a: y, b: this.#sumOf(gradient) })
      }
      ends.push(side.tapes[0]?.calls.length ?? 0)
    }
    const own = side.bind()
    const before = new Map(
      net.draft.reductions.map(({ calls }, i) => [calls[0], own.slice(ends[i - 1] ?? 0, ends[i])])
    )
    return net.calls.backward.flatMap((bound) => [...(before.get(bound.call) ?? []), bound])
  }

  /** The sum of one gradient: it lies in the sums as the gradient lies in the gradients. */
  #sumOf({ place: { offset, bytes }, part, layer }: Value): Value {
    const slab = this.#slabs[this.#sums.findIndex((sum) => sum.part === part)]
    const shape = [bytes / 4]
    const sum = new Value({
      name: 'gradient sum',
      layer,
      dtype: 'f32',
      part,
      layout: 'a',
      shape,
      bytes
    })
    sum.tensor = slab?.tensor({ shape, dtype: 'f32', offset })
    return sum
  }

  #sideOf(net: Net): SideCalls {
    const side = new SideCalls(net)
    this.#side.push(side)
    return side
  }

  async #calls(
    net: Net,
    call: (side: SideCalls, sum: Value, gradients: Value) => Promise<void>,
    end: (side: SideCalls) => Promise<void> = async () => {}
  ): Promise<readonly BoundCall[]> {
    const side = this.#sideOf(net)
    for (const sum of this.#sums) {
      const gradients = net.draft.gradients[sum.part]
      if (!gradients || gradients.bytes === 0) continue
      side.tapes[sum.part]?.at('update', 'update')
      await call(side, sum, gradients)
    }
    await end(side)
    return side.bind()
  }

  /** No program may run the calls after this. */
  close(): void {
    for (const side of this.#side.splice(0)) side.close()
    for (const slab of this.#slabs) slab.close()
  }
}

/** The calls without those that all-reduce gradients. */
function withoutReductions(net: Net, calls: readonly BoundCall[]): readonly BoundCall[] {
  const reducing = new Set(net.draft.reductions.flatMap(({ calls }) => calls))
  return calls.filter(({ call }) => !reducing.has(call))
}
