/** Notes on classes that have too few pictures, once all were decoded. */
import { join } from 'node:path'
import { counted, someOf } from '../../../util/words.ts'
import { readShardIndex } from '../stored/file-records.ts'
import type { ShardFile } from '../stored/manifest.ts'

/** Number of stored images of each class. */
export async function imagesByClass(
  folder: string,
  shards: readonly ShardFile[],
  classes: number
): Promise<readonly number[]> {
  const counts = new Array<number>(classes).fill(0)
  for (const shard of shards) {
    const index = await readShardIndex(join(folder, shard.file), shard)
    for (let k = 0; k < index.length; k++) counts[index.label(k)]!++
  }
  return counts
}

/**
 * Notes on classes with no usable picture, with one, and with none to test with.
 * @param test undefined if the test is on the training images
 */
export function classNotes(
  classes: readonly string[],
  train: readonly number[],
  test: readonly number[] | undefined
): string[] {
  const of = (counts: readonly number[], count: number) =>
    classes.filter((_, label) => counts[label] === count)
  const say = (names: readonly string[], what: string) => {
    if (names.length === 0 || names.length === classes.length) return []
    const verb = names.length === 1 ? 'has' : 'have'
    return [`${counted(names.length, 'class', 'classes')} ${verb} ${what}: ${someOf(names)}.`]
  }
  const alike = 'All images are of one class: there is nothing to tell apart.'
  return [
    ...(classes.length === 1 ? [alike] : []),
    ...say(of(train, 0), 'no usable training picture'),
    ...say(of(train, 1), 'one training picture'),
    ...(test ? say(of(test, 0), 'no picture in the test part') : [])
  ]
}
