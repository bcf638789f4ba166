/** Chooses the test images of a source that has no test part. */
import type { SourcePart } from '../scan/source.ts'

/** One of so many images of each class is held out. */
const EVERY = 10

// How the test part was chosen. The manifest keeps this text alone, so it is read back from it here.
const OWN = "the source's own test part"
const HELD_OUT = `no test part: every ${EVERY}th image of each class is held out`

/** True if the test images were held out of the training part; `testing` is the manifest's. */
export const isHeldOut = (testing: string) => testing === HELD_OUT

/** True if the source has a test part of its own. */
export const hasOwnTest = (testing: string) => testing === OWN

/** Training and test images. */
export interface Parts {
  readonly train: SourcePart
  /** Undefined if the test is on the training images. */
  readonly test?: SourcePart
  /** How the test part was chosen, for people. */
  readonly testing: string
}

/** Images of a part, by their places in it. */
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
 * Takes the source's own test part. Without one, holds out every tenth image of each class, in the order of their
 * names. If no class has ten images, the test is on the training images.
 */
export function partsOf(train: SourcePart, test?: SourcePart): Parts {
  if (test) return { train, test, testing: OWN }
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
  return { train: subset(train, kept), test: subset(train, held), testing: HELD_OUT }
}
