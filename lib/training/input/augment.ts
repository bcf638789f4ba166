import type { ImageSet } from '../../data/dataset.ts'

/**
 * Random noise on the colours of whole images, along the principal components of a set's RGB values. Source:
 * Krizhevsky et al. 2012, section 4.1.
 */
export interface ColourNoise {
  /**
   * The factor on the draw of a component. 'deviation': the standard deviation of the bytes along it. 'eigenvalue':
   * the variance, of values 0…1, as the paper says (of bytes it would be larger than any image).
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
 * How stored bytes become a net's input, as plain data that a run keeps.
 *
 * Random draws in training depend on seed, step and the image's place in the batch alone: they are the same on any
 * device, for any split of a batch, and after a resume. Evaluation takes the centre crop and draws nothing.
 */
export interface InputRecipe {
  /**
   * 'crop': cut a window of the net's input out of larger images. 'resize': resize all images to it, bilinearly.
   * Default: 'crop' for images that are larger and of 64 pixels or more, as photographs are, else 'resize'.
   */
  readonly fit?: 'crop' | 'resize'
  /** Training: flips each image left to right with probability 1/2. Default false. */
  readonly flip?: boolean
  /**
   * Training: top and left of a crop are each drawn from 0 to offsets - 1, so that 1 leaves no choice. Default: all
   * that fit.
   */
  readonly offsets?: number
  /** Training: so many neighbours in a batch share one draw of crop and flip. Default 1. */
  readonly shared?: number
  /**
   * What is subtracted. 'channel': the mean of each channel. 'pixel': the mean image, at the place of the crop.
   * 'centre': the centre of the mean image, wherever the crop is. 'none': nothing. Default 'channel'.
   */
  readonly mean?: 'channel' | 'pixel' | 'centre' | 'none'
  /**
   * The divisor, in units of bytes; 'std' is the channel's standard deviation. Default: 'std' with mean 'channel',
   * else 1.
   */
  readonly divide?: 'std' | number
  /** Training: noise on RGB. Default: none. */
  readonly colour?: ColourNoise
}

/** A recipe for one set and one size of input, with all defaults filled in. */
export interface ResolvedInput {
  readonly fit: 'crop' | 'resize'
  readonly flip: boolean
  /** How many tops and lefts a crop can have. */
  readonly offsets: readonly [top: number, left: number]
  readonly shared: number
  readonly mean: 'channel' | 'pixel' | 'centre' | 'none'
  readonly divide: 'std' | number
  readonly colour: ColourNoise | undefined
}

/** Images that are larger than the net's input count as photographs from this many rows and columns on. */
export const PHOTOGRAPH = 64

/**
 * Fills in a recipe's defaults for a set and a net's input. Without a recipe, photographs are cropped and flipped at
 * random, and other images are resized.
 * @throws Error where the set lacks what the recipe needs, or the sizes do not suit
 */
export function resolveInput(
  recipe: InputRecipe | undefined,
  set: Pick<ImageSet, 'height' | 'width' | 'meanImage' | 'colours' | 'channels'>,
  input: { readonly height: number; readonly width: number }
): ResolvedInput {
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
  if ((mean === 'pixel' || mean === 'centre') && !set.meanImage) {
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
