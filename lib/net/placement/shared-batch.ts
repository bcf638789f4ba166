import { type Call, type Pass, Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { SharedBatch } from '../layer.ts'
import type { Placement } from './placement.ts'
import type { Tags } from './tags.ts'

/** The batch of a build for training whose batch norm takes its statistics over that of several processes. */
export class GroupBatch implements SharedBatch {
  readonly size: number
  readonly rank: number
  readonly images: number
  readonly counts: boolean
  readonly #placement: Placement
  readonly #tags: Tags
  /** By part. */
  readonly #tapes: readonly Tape[]

  private constructor(placement: Placement, images: number, tags: Tags, calls: Call[]) {
    const { group, parts } = placement
    this.size = group?.size ?? 1
    this.rank = group?.rank ?? 0
    this.images = images
    this.counts = placement.counts(0, images)
    this.#placement = placement
    this.#tags = tags
    this.#tapes = parts.map((part) => new Tape(placement.norms(part), part.index, calls))
  }

  /**
   * @param calls the list that the tapes of all parts share
   * @returns undefined if this process is alone
   * @throws Error for several replicas in one process
   */
  static of(
    placement: Placement,
    images: number,
    tags: Tags,
    calls: Call[]
  ): GroupBatch | undefined {
    const { group, replicas } = placement
    if (replicas > 1) {
      throw new Error(
        `[net] syncBatchNorm: expected one replica a process, got ${replicas}, whose batch norm would differ: ` +
          'start a process for each device, by alexnode launch, or leave it out'
      )
    }
    return group && new GroupBatch(placement, images, tags, calls)
  }

  async allReduce(x: Value, layer: string, pass: Pass): Promise<void> {
    const tape = this.#tapes[x.part]
    if (!tape) throw new Error(`[placement] there is no part ${x.part}`)
    tape.at(layer, pass)
    const fields = { group: this.#placement.groupOn(x.part), tag: this.#tags.next() }
    await tape.call('all_reduce', fields, { x })
  }

  close(): void {
    for (const tape of this.#tapes) tape.close()
  }
}
