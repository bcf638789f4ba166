/** Damaged images of prepared sets: skipped unless a command is strict, counted, and told. */
import type { ImageSet } from '../../data/dataset.ts'
import { type DamagedImage, skipDamaged } from '../../data/skip-damaged.ts'
import { foreign } from '../../util/foreign.ts'
import { counted, someOf } from '../../util/words.ts'

export const strictHelp = 'end at the first damaged image (it is skipped, and counted)'

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

/** The damaged images of a command, each once. */
export class DamagedImages {
  readonly #found = new Map<string, DamagedImage>()

  /** @returns false for one that is known */
  add(damage: DamagedImage): boolean {
    const key = `${damage.file} ${damage.image}`
    if (this.#found.has(key)) return false
    this.#found.set(key, damage)
    return true
  }

  get all(): readonly DamagedImage[] {
    return [...this.#found.values()]
  }

  /** How many they are, and what to do. */
  get text(): string {
    const names = this.all.map(({ image }) => foreign(image))
    const what = counted(names.length, 'image that is damaged', 'images that are damaged')
    return `${what}: ${someOf(names)}; alexnode prepare makes the set again`
  }
}

/** Says which image is skipped, and why. */
export function damagedNote({ image, file, reason }: DamagedImage): string {
  return `Skipped: ${foreign(image)}, which is damaged in ${foreign(file)}: ${reason}.`
}

export function damagedJson({ image, file, reason }: DamagedImage): object {
  return { skipped: image, file, reason }
}
