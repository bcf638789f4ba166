/** Images as a trained net takes them: its classes in its order, and the statistics of its training. */
import { DataError, type ImageSet } from '../data/dataset.ts'
import type { RunData } from '../run/data.ts'

/** A set that remembers the labels it gave, in the order of its images. */
export interface SuitedSet extends ImageSet {
  /** The true label of an image that was read, in the net's classes; -1 before. */
  readonly truth: Int32Array
}

export interface SuitOptions {
  /** How many numbers the net gives, where these are no classes: images then need no labels. */
  readonly width?: number | undefined
}

/**
 * A set as a run's net takes it: means and deviations are those of training, labels those of the run's
 * classes by name, in whatever order the set has them.
 *
 * @throws DataError where a class is none of the run's, or images have another number of channels
 */
export function suited(set: ImageSet, data: RunData, { width }: SuitOptions = {}): SuitedSet {
  const { channels, mean, std, meanImage } = data
  if (set.channels !== channels) {
    throw new DataError(
      `[data] expected images of ${channels} channels, as in ${data.name}, which the net was trained ` +
        `on, got ${set.channels}: name a set of that kind`
    )
  }
  const { length, height, width: columns } = set
  const labels = width === undefined ? labelsOf(set, data) : undefined
  const truth = new Int32Array(length).fill(-1)
  const classes = labels ? data.classes : Array.from({ length: width ?? 0 }, (_, i) => String(i))
  const translate = (indices: Uint32Array, given: Int32Array) => {
    for (const [i, index] of indices.entries()) {
      const label = given[i] ?? -1
      truth[index] = labels ? (labels[label] ?? -1) : label
      given[i] = labels ? (truth[index] ?? -1) : 0
    }
  }
  const load: ImageSet['load'] = async (indices, to, offset, given) => {
    const loading = set.load?.(indices, to, offset, given)
    translate(indices, given)
    await loading
  }
  return {
    ...{ length, height, width: columns, channels, classes, mean, std },
    ...(meanImage && { meanImage }),
    truth,
    async read(indices, images, given) {
      await set.read(indices, images, given)
      translate(indices, given)
    },
    ...(set.load && { load })
  }
}

/** The run's label of each of the set's classes. */
function labelsOf(set: ImageSet, { classes, name }: RunData): Int32Array {
  const places = new Map(classes.map((known, i) => [known, i]))
  return Int32Array.from(set.classes, (own) => {
    const label = places.get(own)
    if (label !== undefined) return label
    const few = (names: readonly string[]) =>
      `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`
    throw new DataError(
      `[data] expected classes of ${name}, which the net was trained on (${classes.length}: ` +
        `${few(classes)}), got ${set.classes.length} with '${own}' among them (${few(set.classes)}): ` +
        'name a set with the same classes'
    )
  })
}
