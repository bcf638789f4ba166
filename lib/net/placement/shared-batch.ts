import type { SharedBatch } from '../layer.ts'
import type { Placement } from './placement.ts'
import type { Tags } from './tags.ts'

/**
 * The batch of a build for training whose batch norm takes its statistics over that of several processes.
 * @returns undefined if this process is alone
 * @throws Error for several replicas in one process
 */
export function sharedBatch(
  placement: Placement,
  images: number,
  tags: Tags
): SharedBatch | undefined {
  const { group, replicas } = placement
  if (replicas > 1) {
    throw new Error(
      `[net] syncBatchNorm: expected one replica a process, got ${replicas}, whose batch norm would differ: ` +
        'start a process for each device, by alexnode launch, or leave it out'
    )
  }
  if (!group) return undefined
  return {
    group: group.number,
    size: group.size,
    rank: group.rank,
    images,
    counts: placement.counts(0, images),
    tag: () => tags.next()
  }
}
