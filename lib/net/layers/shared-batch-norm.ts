/**
 * Batch norm of a batch that several processes share: the numbers of one process. They exchange the moments of their
 * shares forward, and the sums of two gradients backward.
 */
import { elements } from '../../native/layout.ts'
import type { Parameter } from '../graph/parameter.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { SharedBatch } from '../layer.ts'

/** Mean and (biased) variance, by channel. */
export interface Statistics {
  readonly mean: Value
  readonly var: Value
}

export interface SharedBatchNormOptions {
  readonly tape: Tape
  readonly shared: SharedBatch
  /** The layer's name. */
  readonly name: string
  readonly x: Value
  readonly epsilon: number
}

export class SharedBatchNorm {
  /** Values a channel of the whole batch. */
  readonly count: number
  readonly #options: SharedBatchNormOptions

  constructor(options: SharedBatchNormOptions) {
    const { x, shared } = options
    const [rows = 1, channels = 1] = x.dims
    this.#options = options
    this.count = (elements(x.dims) / rows / channels) * shared.images
  }

  /** The statistics of the whole batch: the same bits in all processes. */
  async statistics(): Promise<Statistics> {
    const { tape, shared, name, x } = this.#options
    const [, channels = 1] = x.dims
    const moments = tape.value('moments', 'f32', [shared.size, 1 + 2 * channels], 'ab')
    if (shared.counts) await tape.call('batch_norm_moments', { slot: shared.rank }, { moments, x })
    else await tape.call('fill', { value: 0 }, { y: moments })
    await shared.allReduce(moments, name, 'forward')
    const statistics = { mean: tape.value('mean', 'f32'), var: tape.value('var', 'f32') }
    await tape.call('batch_norm_combine', {}, { ...statistics, moments })
    return statistics
  }

  /**
   * Adds the calls that compute the gradients of scale and shift by the own share, and that of x by the whole batch.
   * @param dy in the layout of x
   */
  async backward(
    dy: Value,
    { scale, shift }: { readonly scale: Parameter; readonly shift: Parameter },
    statistics: Statistics
  ): Promise<Value> {
    const { tape, shared, name, x, epsilon } = this.#options
    const { count } = this
    const [, channels = 1] = x.dims
    const sums = tape.value('sums', 'f32', [2, channels], 'ab')
    const gradients = { dscale: scale.gradient, dshift: shift.gradient }
    if (shared.counts) {
      const given = { x, dy, ...statistics }
      await tape.call('batch_norm_backward_sums', { epsilon }, { ...gradients, sums, ...given })
    } else {
      for (const y of [...Object.values(gradients), sums])
        await tape.call('fill', { value: 0 }, { y })
    }
    await shared.allReduce(sums, name, 'backward')
    const dx = tape.value('dx', x.dtype, x.dims, x.layout)
    const given = { x, dy, scale: scale.master, ...statistics, sums }
    if (shared.counts)
      await tape.call('batch_norm_backward_shared', { epsilon, count }, { dx, ...given })
    // What does not count has no gradient, though it was normalised by numbers of the others.
    else await tape.call('fill', { value: 0 }, { y: dx })
    return dx
  }
}
