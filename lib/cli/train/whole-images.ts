/** The images of a training, damaged ones skipped unless it is strict. */
import type { ImageSet } from '../../data/dataset.ts'
import { type DamagedImage, skipDamaged } from '../../data/skip-damaged.ts'

/**
 * Makes a function that gives each set in which damaged images are skipped.
 * @param onSkip is told of each damaged image; of one that two sets share, by both
 */
export function skipping(strict: boolean, onSkip: (damage: DamagedImage) => void) {
  const known = new Map<ImageSet, ImageSet>()
  return (set: ImageSet): ImageSet => {
    const own = strict ? set : (known.get(set) ?? skipDamaged(set, onSkip))
    known.set(set, own)
    return own
  }
}
