import type { ImageSet } from '../../data/dataset.ts'

/** What decides a net's input, of a set: sizes, classes and statistics, without its images. */
export type InputFacts = Omit<ImageSet, 'read' | 'load'>

/** Copies the facts of a set, which need not be a plain object. */
export function factsOf(set: ImageSet): InputFacts {
  const { length, height, width, channels, classes, mean, std, meanImage, fit, filter, colours } =
    set
  return {
    length,
    height,
    width,
    channels,
    classes,
    mean,
    std,
    ...(meanImage && { meanImage }),
    ...(fit && { fit }),
    ...(filter && { filter }),
    ...(colours && { colours })
  }
}
