/** Takes the mean of a file in place of a data set's own. */
import type { Dataset } from '../data/dataset.ts'
import type { InputRecipe, ResolvedInput } from '../training/input/augment.ts'
import { PlainError } from '../util/foreign.ts'
import type { MeanFile } from '../weights/caffe/mean.ts'
import { withStatistics } from './start.ts'

/**
 * The data set with the mean of a file. A mean image takes the place of the set's, and its channels' means that of the
 * mean by channel; one number a channel takes the place of both.
 *
 * @param path of the file, for messages
 * @throws PlainError where it does not suit the images
 */
export function withMean(data: Dataset, { shape, data: values }: MeanFile, path: string): Dataset {
  const { height, width, channels, meanImage, std } = data.train
  const sizes = [height, width, channels]
  const perPixel = shape.length === 3
  if (String(shape) !== String(perPixel ? sizes : [channels])) {
    throw new PlainError(
      `[train] ${path}: expected a mean of the images' size, ${sizedText(sizes)}, or of ${channels} ` +
        `channel${channels === 1 ? '' : 's'} alone, got ${sizedText(shape)}: ${remedyOf(shape, channels)}`
    )
  }
  if (!values.every(Number.isFinite)) {
    throw new PlainError(
      `[train] ${path}: expected finite numbers, got others: take another copy of the file`
    )
  }
  const mean = perPixel ? channelMeans(values, channels) : [...values].map((value) => value / 255)
  const image = perPixel ? values : meanImage?.map((_, i) => values[i % channels] ?? 0)
  const sized = { height, width, mean, std, ...(image && { meanImage: image }) }
  return withStatistics(data, sized)
}

function remedyOf([height, width, channels = height]: readonly number[], needed: number): string {
  if (channels !== needed) return 'name the mean file of such images'
  if (width === undefined || height !== width) return 'name a mean file of that size'
  return `prepare the images with --size ${height}`
}

function sizedText(shape: readonly number[]): string {
  const [height, width, channels] = shape
  return shape.length === 3 ? `${height}×${width} with ${channels} channels` : `${height} channels`
}

/** As fractions of 255. */
function channelMeans(image: Float32Array, channels: number): readonly number[] {
  const sums = new Array<number>(channels).fill(0)
  for (const [i, value] of image.entries()) sums[i % channels]! += value
  return sums.map((sum) => (sum * channels) / image.length / 255)
}

/**
 * An input that subtracts the mean of a file, as Caffe does: a mean image at the place of the crop.
 *
 * @param input as it is without the file, filled in
 * @param given the same, as it was given
 * @param divide the divisor. Default: that of `input`
 */
export function meanInput(
  input: ResolvedInput,
  { shape }: Pick<MeanFile, 'shape'>,
  given: InputRecipe | undefined,
  divide: InputRecipe['divide'] = input.divide
): InputRecipe {
  const { fit, flip } = input
  const kind = shape.length === 3 && input.mean !== 'centre' ? 'pixel' : input.mean
  return { ...given, fit, flip, mean: kind === 'none' ? 'channel' : kind, divide }
}
