/** What image sets and their parts must be, for functions that take them. */
import {
  callback,
  type Fault,
  list,
  maybe,
  number,
  oneOf,
  type Rule,
  record,
  text,
  typed,
  whole
} from '../util/check/rules.ts'
import type { ColourVariation, Dataset, ImageSet } from './dataset.ts'

/** Means and deviations are fractions of 255. Those of bytes are mostly above 1, and are found so. */
export const meanRule: Rule = list(number({ from: 0, to: 1 }), { least: 1 })
export const stdRule: Rule = list(number({ above: 0, to: 1 }), { least: 1 })
export const classesRule: Rule = list(text)

const fitRule = oneOf('crop', 'warp', 'keep')
const coloursRule = record<ColourVariation>({
  eigenvalues: list(number()),
  eigenvectors: list(list(number()))
})

/** A set; it may have more than this. */
export const anImageSet: Rule = record<ImageSet>(
  {
    length: whole({ from: 1 }),
    height: whole({ from: 1 }),
    width: whole({ from: 1 }),
    channels: whole({ from: 1 }),
    classes: classesRule,
    mean: meanRule,
    std: stdRule,
    read: callback,
    load: maybe(callback),
    isDamaged: maybe(callback),
    digest: maybe(callback),
    meanImage: maybe(typed('Float32Array')),
    fit: maybe(fitRule),
    filter: maybe(oneOf('lanczos3', 'bilinear')),
    colours: maybe(coloursRule)
  },
  { open: true, expected: 'an image set, as arrayImageSet() returns it', also: countFault }
)

/** Finds statistics that are not one number a channel. */
export function countFault({
  channels,
  mean,
  std
}: Partial<Pick<ImageSet, 'channels' | 'mean' | 'std'>>): Fault | undefined {
  for (const [path, values] of Object.entries({ mean, std })) {
    if (values === undefined || values.length === channels) continue
    const expected = `a number for each of ${channels} channels`
    return { path, expected, got: String(values.length) }
  }
  return undefined
}

export const datasetRule: Rule = record<Pick<Dataset, 'name' | 'train' | 'test'>>(
  { name: text, train: anImageSet, test: anImageSet },
  { open: true, expected: 'a data set, as openData() returns it' }
)
