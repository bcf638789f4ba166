/** Skips images that turn out damaged when they are read, so that a long training does not end for one. */
import { DamagedFileError } from '../util/files/errors.ts'
import type { ImageSet } from './dataset.ts'

/** A stored image that is damaged. */
export interface DamagedImage {
  /** Its name in the source. */
  readonly image: string
  /** The file that it is stored in. */
  readonly file: string
  /** What is wrong with it. */
  readonly reason: string
}

/** One image of several that were to be read is damaged. */
export class DamagedImageError extends DamagedFileError {
  /** Its place among the images that were to be read. */
  readonly place: number
  readonly damage: DamagedImage

  constructor(message: string, place: number, damage: DamagedImage) {
    super(message)
    this.place = place
    this.damage = damage
  }
}

/** More damaged images than this share of a set, and than so many, are no accident. */
const MOST = { share: 0.1, images: 10 }

/**
 * A set in which a damaged image is replaced by the next whole one, with its label. What is read depends on the files
 * alone, not on when a damage is found. `isDamaged` tells which were replaced, as far as they were read.
 *
 * @param onSkip is told of each damaged image, once
 * @throws DamagedFileError from `read` and `load` where more than a tenth of the images is damaged, and more than ten
 */
export function skipDamaged(set: ImageSet, onSkip: (damage: DamagedImage) => void): ImageSet {
  const damaged = new Set<number>()
  const most = Math.min(set.length - 1, Math.max(MOST.images, set.length * MOST.share))
  const whole = (index: number): number => {
    let at = index
    while (damaged.has(at)) at = (at + 1) % set.length
    return at
  }
  const reading = async (
    indices: Uint32Array,
    read: (wanted: Uint32Array) => void | Promise<void>
  ): Promise<void> => {
    for (;;) {
      const wanted = damaged.size === 0 ? indices : indices.map(whole)
      try {
        return await read(wanted)
      } catch (error) {
        const index = error instanceof DamagedImageError ? wanted[error.place] : undefined
        if (!(error instanceof DamagedImageError) || index === undefined) throw error
        // Another batch, which was read at the same time, may have found it.
        if (damaged.has(index)) continue
        damaged.add(index)
        onSkip(error.damage)
        if (damaged.size > most) throw tooMany(damaged.size, set.length, error)
      }
    }
  }
  const load = set.load?.bind(set)
  return {
    ...set,
    isDamaged: (i) => damaged.has(i),
    read: (indices, images, labels) =>
      reading(indices, (wanted) => set.read(wanted, images, labels)),
    ...(load && {
      load: (indices, to, offset, labels) =>
        reading(indices, (wanted) => load(wanted, to, offset, labels))
    })
  }
}

function tooMany(count: number, of: number, cause: DamagedImageError): DamagedFileError {
  return new DamagedFileError(
    `[data] expected most of ${of} images to be whole, got ${count} damaged ones, which is no accident; the last: ` +
      cause.message.replace(/^\[\w+\] /, ''),
    { cause }
  )
}
