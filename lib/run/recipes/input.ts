import type { Dataset, ImageSet } from '../../data/dataset.ts'
import { subset } from '../../data/hold-out.ts'
import { datasetRule } from '../../data/rules.ts'
import { type InputRecipe, PHOTOGRAPH } from '../../training/input/augment.ts'
import { factsOf } from '../../training/input/input-facts.ts'
import { checkArguments } from '../../util/check/check.ts'
import { imageNetColours } from './colours.ts'
import { type Recipe, recipeRule } from './recipe.ts'

/** A recipe's input, adapted to a set. */
export interface SuitedInput {
  /** For `train`'s option of the same name. */
  readonly input: InputRecipe
  /** True if it needs colour statistics that the set lacks: see `coloured`. */
  readonly borrowed: boolean
  /** Differences from the recipe, for people, a sentence each. */
  readonly notes: readonly string[]
}

/** What decides whether a set has what a recipe needs. */
export type Suitable = Pick<
  ImageSet,
  'height' | 'width' | 'channels' | 'meanImage' | 'colours' | 'fit' | 'filter'
>

/**
 * Adapts a recipe's input to a set: leaves out what the set has no statistics for, or whose sizes do not fit.
 *
 * @param size rows and columns of the net's input
 * @param epochs the run's length, in which noise ends in proportion. Default: the recipe's
 *
 * @example
 * const { input, notes } = suitInput(recipeByName('paper'), data.train, net.definition.input)
 */
export function suitInput(
  { input, photos, epochs: usual }: Pick<Recipe, 'input' | 'photos' | 'epochs'>,
  set: Suitable,
  size: { readonly height: number; readonly width: number },
  epochs: number = usual
): SuitedInput {
  const notes: string[] = []
  const { fit, offsets, mean = 'channel', divide, colour, ...rest } = input
  const room = Math.min(set.height - size.height, set.width - size.width)
  const small = room < 0 || Math.min(set.height, set.width) < PHOTOGRAPH
  const sizes = `images of ${set.height}×${set.width} for an input of ${size.height}×${size.width}`
  const cropped = fit === 'crop' && !small
  if (fit === 'crop' && small) notes.push(`There are ${sizes}: they are resized, not cropped.`)
  const places = cropped && offsets !== undefined && offsets - 1 <= room ? offsets : undefined
  if (cropped && places !== offsets) {
    notes.push(`There are ${sizes}: a crop has ${room + 1} places a side, not ${offsets}.`)
  }
  if (photos && set.fit !== undefined && set.fit !== 'keep' && set.fit !== photos.form) {
    const [are, were] =
      set.fit === 'crop' ? (['cut', 'warped'] as const) : (['warped', 'cut'] as const)
    notes.push(
      `The photographs are ${are} to their size, and the recipe's were ${were}: ` +
        `alexnode prepare SRC OUT --fit ${photos.form}.`
    )
  }
  const { filter = 'lanczos3' } = photos ?? {}
  const resized = set.fit === 'crop' || set.fit === 'warp'
  if (photos && resized && filter === 'bilinear' && set.filter !== filter) {
    notes.push(
      "The photographs are not resized by the recipe's filter: " +
        `alexnode prepare SRC OUT --resize-filter ${filter}.`
    )
  }
  const ofImage = mean === 'pixel' || mean === 'centre'
  const lacking = ofImage && set.meanImage === undefined
  if (lacking) {
    notes.push('The set has no mean image: what is subtracted is the mean of each channel.')
  }
  const noisy = colour !== undefined && set.channels === 3
  if (colour && !noisy) notes.push('The images have no RGB colours: there is no noise on them.')
  const borrowed = noisy && set.colours === undefined
  if (borrowed) notes.push("The set does not tell how its colours vary: ImageNet's are taken.")
  const until = colour?.until === undefined ? undefined : (colour.until / usual) * epochs
  return {
    input: {
      ...rest,
      ...(fit && { fit: cropped ? 'crop' : 'resize' }),
      ...(places !== undefined && { offsets: places }),
      mean: lacking ? 'channel' : mean,
      divide: divide ?? (mean === 'channel' ? 'std' : 1),
      ...(noisy && { colour: { ...colour, ...(until !== undefined && { until }) } })
    },
    borrowed,
    notes
  }
}

/**
 * The images of a set that a recipe trains and tests on: see its `skip` and `test.images`. A set that is too small
 * keeps all of its training images.
 *
 * @example
 * const { train, test } = recipeData(recipeByName('tf-mnist'), await openData('mnist'))
 */
export function recipeData(recipe: Recipe, data: Dataset): Dataset {
  checkArguments('recipe', { recipe: [recipe, recipeRule], data: [data, datasetRule] })
  const { skip = 0, test } = recipe
  const from = skip < data.train.length ? skip : 0
  const to = Math.min(test.images ?? data.test.length, data.test.length)
  return {
    ...data,
    train: from === 0 ? data.train : range(data.train, from, data.train.length),
    test: to === data.test.length ? data.test : range(data.test, 0, to)
  }
}

function range(set: ImageSet, from: number, to: number): ImageSet {
  return subset(
    set,
    Uint32Array.from({ length: to - from }, (_, i) => from + i)
  )
}

/** The set with ImageNet's colour statistics. */
export function coloured(set: ImageSet): ImageSet {
  const load = set.load?.bind(set)
  return {
    ...factsOf(set),
    colours: imageNetColours,
    read: (indices, images, labels) => set.read(indices, images, labels),
    ...(load && { load })
  }
}
