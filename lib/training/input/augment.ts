/**
 * How stored bytes become a net's input, as plain data: which part of an image is taken, what is
 * subtracted and divided by, and what of it is left to chance in training.
 */
import type { ImageSet } from '../../data/dataset.ts'
import { isObject } from '../../util/files/json.ts'

/** Noise on the colours of whole images, along the principal components of a set's RGB values. */
export interface ColourNoise {
  /**
   * What the draw of a component is multiplied with: 'deviation' is the standard deviation of the
   * bytes along it; 'eigenvalue' is the variance, of values 0…1 (of bytes it would be larger than
   * any image), which the paper has.
   */
  readonly form: 'eigenvalue' | 'deviation'
  /** Each image and component draws from N(0, sigma). */
  readonly sigma: number
  /** Training images, mean subtracted and noise added, are divided by this. Default 1. */
  readonly divide?: number
  /** Epochs after which there is neither noise nor `divide`. Default: never. */
  readonly until?: number
}

/**
 * How stored bytes become a net's input; plain data, kept with a run.
 *
 * Training draws by seed, step and the image's place in the batch alone, so the same on any device,
 * for any split of a batch, and after a resume. Evaluation takes the centre crop and draws nothing.
 */
export interface InputRecipe {
  /**
   * Images larger than the net's input are cropped to it, or all are resized to it, bilinearly.
   * Default: 'crop' where they are larger and 64 pixels or more, as photographs are, else 'resize'.
   */
  readonly fit?: 'crop' | 'resize'
  /** Training: every second image, by chance, is mirrored. Default false. */
  readonly flip?: boolean
  /** Training: a crop's top and left are each drawn from 0 to offsets - 1; 1 is no choice. Default: all that fit. */
  readonly offsets?: number
  /** Training: so many neighbours in a batch share one draw of crop and flip. Default 1. */
  readonly shared?: number
  /**
   * What is subtracted: 'channel' a number a channel; 'pixel' the mean image, at the crop's place;
   * 'centre' the mean image's centre crop, wherever the crop is. Default 'channel'.
   */
  readonly mean?: 'channel' | 'pixel' | 'centre'
  /**
   * What is divided by, in units of bytes: 'std' the channel's standard deviation. Default: 'std' with
   * the mean by channel, else 1.
   */
  readonly divide?: 'std' | number
  /** Training: noise on RGB. Default: none. */
  readonly colour?: ColourNoise
}

const fits = ['crop', 'resize']
const means = ['channel', 'pixel', 'centre']
const forms = ['eigenvalue', 'deviation']

/**
 * Checks a recipe that was read or written by hand.
 * @throws Error naming the field, what was expected, and what was got
 */
export function checkInput(recipe: unknown): asserts recipe is InputRecipe {
  if (!isObject(recipe)) fail('', 'an object such as { fit: "crop", flip: true }', recipe)
  const { fit, flip, offsets, shared, mean, divide, colour, ...unknown } = recipe
  refuse(unknown, '', 'fit, flip, offsets, shared, mean, divide and colour')
  oneOf('fit', fit, fits)
  oneOf('mean', mean, means)
  if (flip !== undefined && typeof flip !== 'boolean') fail('flip', 'true or false', flip)
  whole('offsets', offsets)
  whole('shared', shared)
  if (divide !== 'std') positive('divide', divide, '"std" or a number above 0')
  if (colour !== undefined) checkColour(colour)
  if (fit === 'resize' && offsets !== undefined) fail('offsets', 'none with fit resize', offsets)
}

function checkColour(colour: unknown): void {
  if (!isObject(colour))
    fail('colour', 'an object such as { form: "eigenvalue", sigma: 0.1 }', colour)
  const { form, sigma, divide, until, ...unknown } = colour
  refuse(unknown, 'colour.', 'form, sigma, divide and until')
  if (form === undefined) fail('colour.form', forms.join(' or '), form)
  oneOf('colour.form', form, forms)
  if (!isNumber(sigma) || sigma < 0) fail('colour.sigma', 'a number from 0', sigma)
  positive('colour.divide', divide)
  if (until !== undefined && (!isNumber(until) || until < 0)) {
    fail('colour.until', 'a number of epochs from 0', until)
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function oneOf(field: string, value: unknown, names: readonly string[]): void {
  if (value === undefined || names.some((name) => name === value)) return
  fail(field, names.join(' or '), value)
}

function whole(field: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 1)) return
  fail(field, 'a whole number from 1', value)
}

function positive(field: string, value: unknown, expected = 'a number above 0'): void {
  if (value === undefined || (isNumber(value) && value > 0)) return
  fail(field, expected, value)
}

function refuse(unknown: object, prefix: string, known: string): void {
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new Error(`[input] expected ${known}, got ${prefix}${name}`)
}

function fail(field: string, expected: string, value: unknown): never {
  throw new Error(
    `[input] ${field}${field && ': '}expected ${expected}, got ${JSON.stringify(value)}`
  )
}

/** A recipe for one set of images and one size of input, with nothing left open. */
export interface SettledInput {
  readonly fit: 'crop' | 'resize'
  readonly flip: boolean
  /** How many places there are for a crop's top and left. */
  readonly offsets: readonly [top: number, left: number]
  readonly shared: number
  readonly mean: 'channel' | 'pixel' | 'centre'
  readonly divide: 'std' | number
  readonly colour: ColourNoise | undefined
}

/** From so many rows and columns on, images that are larger than the net's input count as photographs. */
const PHOTOGRAPH = 64

/**
 * What a recipe means for a set and a net's input; without one, photographs are cropped, and mirrored
 * by chance, and anything else is resized.
 * @throws Error where the set has not what the recipe needs, or the sizes do not suit
 */
export function settleInput(
  recipe: InputRecipe | undefined,
  set: Pick<ImageSet, 'height' | 'width' | 'meanImage' | 'colours' | 'channels'>,
  input: { readonly height: number; readonly width: number }
): SettledInput {
  if (recipe) checkInput(recipe)
  const { height, width } = set
  const down = height - input.height
  const across = width - input.width
  const covers = down >= 0 && across >= 0
  const larger = covers && down + across > 0 && Math.min(height, width) >= PHOTOGRAPH
  const { fit = larger ? 'crop' : 'resize', flip = !recipe && larger, shared = 1 } = recipe ?? {}
  const { mean = 'channel', divide = mean === 'channel' ? 'std' : 1, colour } = recipe ?? {}
  const sizes = `images of ${height}×${width} for an input of ${input.height}×${input.width}`
  if (fit === 'crop' && !covers) {
    throw new Error(`[input] expected images to crop, got ${sizes}: use fit "resize"`)
  }
  const { offsets: given } = recipe ?? {}
  if (given !== undefined && (fit === 'resize' || given - 1 > Math.min(down, across))) {
    const what = fit === 'resize' ? `fit "resize" of ${sizes}` : sizes
    throw new Error(`[input] expected offsets that fit, got ${given} with ${what}: leave them out`)
  }
  if (mean !== 'channel' && !set.meanImage) {
    throw new Error(
      `[input] expected a set with a mean image for mean "${mean}", got none: prepare the images ` +
        'with alexnode prepare, or use mean "channel"'
    )
  }
  if (colour && set.colours?.eigenvalues.length !== set.channels) {
    throw new Error(
      '[input] expected a set that tells its colours for colour noise, got none: prepare the ' +
        'images with alexnode prepare, or leave colour out'
    )
  }
  const free = fit === 'crop' ? [given ?? down + 1, given ?? across + 1] : [1, 1]
  const offsets = [free[0] ?? 1, free[1] ?? 1] as const
  return { fit, flip, offsets, shared, mean, divide, colour }
}
