/** What a net is tested on where its images come without a test part. */
import type { SourcePart } from '../scan/source.ts'

/** Of each class, every tenth image is held out. */
const EVERY = 10

/** What tells of a test that was taken from the training part. */
const HELD_OUT = `no test part: every ${EVERY}th image of each class is held out`

/** Whether a test came about so, by what was told of it. */
export const isHeldOut = (testing: string) => testing === HELD_OUT

/** The parts, and how the test came about, for people. */
export interface Parts {
  readonly train: SourcePart
  /** Undefined: the training part serves as the test, too. */
  readonly test?: SourcePart
  readonly testing: string
}

/** The images of a part that are at some places, in order. */
function subset(part: SourcePart, places: readonly number[]): SourcePart {
  const at = (i: number) => places[i] ?? -1
  return {
    length: places.length,
    name: (i) => part.name(at(i)),
    label: (i) => part.label(at(i)),
    bytes: (i) => part.bytes(at(i)),
    read: (i) => part.read(at(i))
  }
}

/**
 * The source's own test part; else every tenth image of each class, in the order of their names;
 * else, where no class has ten, none: the training images are the test, too.
 */
export function partsOf(train: SourcePart, test?: SourcePart): Parts {
  if (test) return { train, test, testing: "the source's own test part" }
  const kept: number[] = []
  const held: number[] = []
  const seen = new Map<number, number>()
  for (let i = 0; i < train.length; i++) {
    const label = train.label(i)
    const count = (seen.get(label) ?? 0) + 1
    seen.set(label, count)
    if (count % EVERY === 0) held.push(i)
    else kept.push(i)
  }
  if (held.length === 0) {
    return { train, testing: 'no test part, and too few images to hold some out: tested on all' }
  }
  return {
    ...{ train: subset(train, kept), test: subset(train, held) },
    testing: HELD_OUT
  }
}
