import type { Step } from '../training/train.ts'

/** The share of a step for which the device waited for other processes; undefined for one process alone. */
export function waitingShare(step: Step): number | undefined {
  const { waitedForRanks, images, imagesPerSecond } = step
  if (waitedForRanks === undefined) return undefined
  return Number(Math.min(1, (waitedForRanks * imagesPerSecond) / images).toFixed(3))
}
