/**
 * Keeps the nets of a group of processes equal: sums their gradients, in buckets, in the order in which a backward pass
 * finishes them. A bucket is a range of the gradients' slab, so nothing is copied. It travels on a stream of its own
 * while the rest of the backward pass runs. All processes get the same bits, and make the same update.
 */
import { align } from '../graph/arena.ts'
import type { Parameters } from '../graph/parameters.ts'
import { type Call, Tape } from '../graph/tape.ts'
import { Value } from '../graph/value.ts'
import type { Placement } from './placement.ts'
import type { Reduction, ReplicaSync } from './replica-sync.ts'
import type { Tags } from './tags.ts'
import { Written } from './written.ts'

/** Smaller buckets begin to travel sooner; larger ones pay for fewer round trips. */
const BUCKET = 8 * 2 ** 20

/** One part's gradients. */
interface Stretch {
  readonly tape: Tape
  /** All gradients as one vector; its size is known when all are settled. */
  readonly gradients: Value
  /** Gradients that are in buckets by now. */
  done: number
  /** Where the next bucket begins, in bytes. */
  at: number
}

export interface GroupSyncOptions {
  readonly placement: Placement
  readonly tags: Tags
  readonly parameters: Parameters
  /** The list that the tapes of all parts share. */
  readonly calls: Call[]
  /** By part: all gradients as one vector. */
  readonly gradients: readonly Value[]
  /** What keeps the replicas here equal, if there are several: their sums are summed. */
  readonly replicas: ReplicaSync | undefined
  /** In which gradients travel. */
  readonly dtype: 'f32' | 'bf16'
}

export class GroupSync {
  /** In the order of their calls. */
  readonly reductions: Reduction[] = []
  readonly #parameters: Parameters
  readonly #calls: readonly Call[]
  readonly #placement: Placement
  readonly #stretches: readonly Stretch[]
  readonly #replicas: ReplicaSync | undefined
  readonly #written: Written
  readonly #dtype: 'f32' | 'bf16'
  readonly #tags: Tags

  constructor({ placement, tags, parameters, calls, gradients, ...how }: GroupSyncOptions) {
    this.#placement = placement
    this.#parameters = parameters
    this.#calls = calls
    this.#replicas = how.replicas
    this.#dtype = how.dtype
    this.#written = new Written(calls)
    this.#tags = tags
    this.#stretches = placement.parts.map((part, i) => {
      const [vector] = gradients.slice(i)
      if (!vector) throw new Error(`[placement] there is no part ${i}`)
      const tape = new Tape(placement.link(part), part.index, calls)
      return { tape, gradients: vector, done: 0, at: 0 }
    })
  }

  /**
   * Adds the sums of the buckets that are full by now.
   * @param end true if no gradient is to come, so that the last bucket is what is left
   */
  async sum(end = false): Promise<void> {
    const ready = (gradient: Value) =>
      this.#replicas ? this.#replicas.hasSummed(gradient) : this.#written.has(gradient)
    for (const stretch of this.#stretches) {
      const all = this.#parameters.gradientsOf(stretch.tape.part)
      let count = stretch.done
      let bytes = 0
      for (const gradient of all.slice(stretch.done)) {
        if (!ready(gradient)) break
        bytes += align(gradient.bytes)
        count++
        if (bytes >= BUCKET) {
          await this.#add(stretch, all.slice(stretch.done, count), bytes)
          bytes = 0
        }
      }
      if (end && count > stretch.done)
        await this.#add(stretch, all.slice(stretch.done, count), bytes)
    }
  }

  async #add(stretch: Stretch, gradients: readonly Value[], bytes: number): Promise<void> {
    const { tape } = stretch
    const [{ layer } = { layer: 'update' }] = gradients.slice(-1)
    tape.at(layer, 'backward')
    const x = new Value({
      name: 'gradients',
      layer,
      dtype: 'f32',
      part: tape.part,
      shape: [bytes / 4],
      layout: 'a',
      bytes,
      viewOf: stretch.gradients,
      at: stretch.at
    })
    const from = this.#calls.length
    const fields = { group: this.#placement.groupOn(tape.part), tag: this.#tags.next() }
    if (this.#dtype === 'f32') await tape.call('all_reduce', fields, { x })
    else {
      const sent = tape.value('gradients', this.#dtype, x.dims, 'a')
      await tape.call('reorder', {}, { y: sent, x })
      await tape.call('all_reduce', fields, { x: sent })
      await tape.call('reorder', {}, { y: x, x: sent })
    }
    this.reductions.push({
      gradients: this.#replicas ? [] : gradients,
      calls: this.#calls.slice(from)
    })
    stretch.done += gradients.length
    stretch.at += bytes
  }

  /** Running statistics are those of rank 0, whose share of the batch is the first. */
  async broadcastStatistics(): Promise<void> {
    for (const { tape } of this.#stretches) {
      for (const { trained, frozen, master, layer } of this.#parameters.of(tape.part)) {
        if (trained || frozen) continue
        tape.at(layer, 'update')
        const fields = {
          group: this.#placement.groupOn(tape.part),
          root: 0,
          tag: this.#tags.next()
        }
        await tape.call('broadcast', fields, { x: master })
      }
    }
  }

  /** What it adds to the values on a part. */
  valuesOf(part: number): readonly Value[] {
    return this.#stretches[part]?.tape.values ?? []
  }

  close(): void {
    for (const { tape } of this.#stretches) tape.close()
  }
}
