import { checkArguments } from '../util/check/check.ts'
import { seed as aSeed, whole } from '../util/check/rules.ts'
import { drawn } from '../util/random.ts'
import { DataError, type ImageSet } from './dataset.ts'
import { subset } from './hold-out.ts'
import { anImageSet } from './rules.ts'

/**
 * Makes a set of images that are drawn from another with replacement: some come twice, others never. It copies nothing.
 *
 * @param count number of images, from 1
 * @param seed decides which; a whole number from 0 to 2^53 - 1
 * @throws DataError for another count or seed
 *
 * @example
 * const { top1 } = await evaluate(net, sample(data.test, 2000, 1))
 */
export function sample(set: ImageSet, count: number, seed: number): ImageSet {
  checkArguments(
    'data',
    { set: [set, anImageSet], count: [count, whole({ from: 1 })], seed: [seed, aSeed] },
    DataError
  )
  return subset(set, drawn(set.length, count, seed))
}
