/** Adapts a set of images to a trained net: its class order, and the statistics of its training. */
import { DataError, type ImageSet } from '../data/dataset.ts'
import type { RunData } from '../run/data.ts'
import { someOf } from '../util/words.ts'
import { classPlaces } from './class-places.ts'
import { greySet } from './grey.ts'

/** A set as a trained net takes it. It records the labels that were read. */
export interface SuitedSet extends ImageSet {
  /** The label of each image, in the net's classes; of an unlabelled set, in its own. -1 before it is read. */
  readonly truth: Int32Array
}

export interface SuitOptions {
  /** Outputs of a net that are no classes: labels are then ignored. Default: the run's classes. */
  readonly width?: number | undefined
}

/**
 * Adapts a set to a run's net: a net of one channel takes colours as grey, mean and standard deviation are those of
 * training, and labels are translated to the run's classes: by place where the lists are equal, else by name.
 *
 * @throws DataError if a class is not one of the run's, names do not tell classes apart, or the images have another
 * number of channels
 */
export function suited(given: ImageSet, data: RunData, { width }: SuitOptions = {}): SuitedSet {
  const { channels, mean, std, meanImage } = data
  const set = channels === 1 && given.channels === 3 ? greySet(given) : given
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
    length,
    height,
    width: columns,
    channels,
    classes,
    mean,
    std,
    ...(meanImage && { meanImage }),
    truth,
    async read(indices, images, given) {
      await set.read(indices, images, given)
      translate(indices, given)
    },
    ...(set.load && { load }),
    ...(set.isDamaged && { isDamaged: (i) => set.isDamaged?.(i) ?? false })
  }
}

/** The run's label of each of the set's classes. */
function labelsOf(set: ImageSet, { classes, name }: RunData): Int32Array {
  const found = classPlaces(set.classes, classes)
  if ('places' in found) return found.places
  if ('twice' in found) {
    throw new DataError(
      `[data] expected classes of different names, or all in the order of ${name}, which the net was ` +
        `trained on, got others with several classes named ${someOf(found.twice)}: rename them (folders ` +
        'n02012849_crane and n03126707_crane) and train again, or name a set with the same list'
    )
  }
  throw new DataError(
    `[data] expected classes of ${name}, which the net was trained on (${classes.length}: ` +
      `${someOf(classes)}), got ${set.classes.length} with '${found.missing}' among them (${someOf(set.classes)}): ` +
      'name a set with the same classes'
  )
}
