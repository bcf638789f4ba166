/** What is done to a picture before it is a net's input: as data, as JSON, and in words. */
import type { InputShape } from '../../net/spec.ts'
import {
  either,
  list,
  maybe,
  number,
  oneOf,
  type Rule,
  record,
  text,
  typed,
  whole
} from '../../util/check/rules.ts'

/** What is done to a picture before it is a net's input. Numbers of pixels are of bytes, 0…255. */
export interface Preprocessing {
  /** The picture as it is stored, after decoding. */
  readonly image: {
    /** Rows of pixels. */
    readonly height: number
    /** Columns of pixels. */
    readonly width: number
    /** 3: red, green, blue. 1: luma (ITU-R BT.601). */
    readonly channels: number
    /** 'crop': a photograph is scaled to cover this size, and its middle is kept. 'warp': both sides are scaled. */
    readonly fit: 'crop' | 'warp'
    /**
     * The filter that scales it. 'bilinear': antialiased, with the sizes and the middle of torchvision's Resize and
     * CenterCrop, and no regard to colour profiles. 'lanczos3': that of sharp.
     */
    readonly filter: string
  }
  /** Where the part begins that the net reads. Default: all of the image is scaled to the net's input, bilinearly. */
  readonly crop?:
    | {
        /** Its first row. */
        readonly top: number
        /** Its first column. */
        readonly left: number
      }
    | undefined
  /** What is subtracted: by channel; or f32 [C, H, W], of the crop's size, or without a crop of the image's. */
  readonly mean: readonly number[] | Float32Array
  /** By what the difference is divided, by channel. */
  readonly divisor: readonly number[]
}

const side = whole({ from: 1 })

/** What it must be. */
export const preprocessingRule: Rule = record<Preprocessing>({
  image: record<Preprocessing['image']>({
    height: side,
    width: side,
    channels: side,
    fit: oneOf('crop', 'warp'),
    filter: text
  }),
  crop: maybe(
    record<NonNullable<Preprocessing['crop']>>({
      top: whole({ from: 0 }),
      left: whole({ from: 0 })
    })
  ),
  mean: either(list(number()), typed('Float32Array')),
  divisor: list(number({ above: 0 }))
})

/** The size of the picture whose bytes a graph with preprocessing reads. */
export function readSize(
  { image, crop }: Preprocessing,
  input: InputShape
): { readonly height: number; readonly width: number } {
  return crop ? input : image
}

/** @throws RangeError where it does not suit the net's input */
export function checkPreprocessing(given: Preprocessing, input: InputShape): void {
  const { image, crop, mean, divisor } = given
  const { channels } = input
  const fail = (what: string, expected: string, got: unknown) => {
    throw new RangeError(`[onnx] preprocessing: expected ${what} ${expected}, got ${got}`)
  }
  if (image.channels !== channels) fail('images of', `${channels} channels`, image.channels)
  const { height, width } = readSize(given, input)
  const values = mean instanceof Float32Array ? channels * height * width : channels
  if (mean.length !== values) fail('a mean of', `${values} numbers`, mean.length)
  if (divisor.length !== channels) fail('a divisor of', `${channels} numbers`, divisor.length)
  if (!crop) return
  if (crop.top + input.height > image.height || crop.left + input.width > image.width) {
    const inside = `${input.height}×${input.width} inside of ${image.height}×${image.width}`
    fail('a crop of', inside, `one from row ${crop.top} and column ${crop.left}`)
  }
}

/** What else a filter decides. `longer`: how the side that is cut is rounded; `middle`: half pixels before the middle. */
const FILTERS: Readonly<
  Record<string, { readonly colours: string; readonly longer: string; readonly middle: string }>
> = {
  lanczos3: { colours: 'srgb', longer: 'nearest', middle: 'up' },
  bilinear: { colours: 'as stored', longer: 'down', middle: 'even' }
}

const ORDERS: Readonly<Record<number, string>> = { 1: 'grey', 3: 'RGB' }

/** As JSON, for the file's metadata. */
export function preprocessingJson(
  given: Preprocessing,
  input: InputShape,
  inGraph: boolean
): string {
  const { image, crop, divisor } = given
  const { height, width } = input
  const { mean, of } = channelMeans(given)
  const { colours = 'srgb', longer, middle } = FILTERS[image.filter] ?? {}
  return JSON.stringify({
    photograph: {
      orientation: 'exif',
      colours,
      background: [255, 255, 255],
      fit: image.fit,
      filter: image.filter,
      ...(image.filter === 'bilinear' && { antialias: true }),
      ...(image.fit === 'crop' && longer && { rounding: { longer, middle } }),
      height: image.height,
      width: image.width
    },
    input: crop
      ? { fit: 'crop', ...crop, height, width }
      : { fit: 'resize', filter: 'bilinear', height, width },
    channels: ORDERS[image.channels] ?? `${image.channels}`,
    mean,
    mean_of: of,
    divisor,
    layout: 'NCHW',
    in_graph: inGraph
  })
}

function channelMeans({ mean, image }: Preprocessing): {
  readonly mean: readonly number[]
  readonly of: 'channel' | 'image'
} {
  if (!(mean instanceof Float32Array)) return { mean, of: 'channel' }
  const each = mean.length / image.channels
  const means = Array.from({ length: image.channels }, (_, c) => {
    return mean.subarray(c * each, (c + 1) * each).reduce((sum, value) => sum + value, 0) / each
  })
  return { mean: means, of: 'image' }
}

/** In words, for the file's metadata. */
export function preprocessingText(
  given: Preprocessing,
  input: InputShape,
  inGraph: boolean
): string {
  const { image, crop, divisor } = given
  const { height, width } = input
  const size = `${image.height}×${image.width}`
  const grey = image.channels === 1
  const bilinear = image.filter === 'bilinear'
  const filter = bilinear ? 'bilinear with antialiasing, as Pillow' : image.filter
  const scale =
    image.fit === 'warp'
      ? `Scale it to ${size} (${filter}), whatever its proportions.`
      : `Scale it (${filter}) so that it just covers ${size}, and keep the middle ${size}.`
  const rounding =
    bilinear && image.fit === 'crop'
      ? "The longer side is rounded down, and half a pixel before the middle to the even one, as torchvision's Resize and CenterCrop do."
      : undefined
  const part = crop
    ? `Cut out ${height}×${width}, from row ${crop.top} and column ${crop.left} on, counted from 0.`
    : undefined
  const { mean, of } = channelMeans(given)
  const what =
    of === 'image'
      ? `a mean image, which a file exported with preprocessing holds; its means by channel are ${mean.join(', ')}`
      : mean.join(', ')
  const numbers = [
    `Of each number, 0 to 255, subtract ${what}.`,
    `Divide by ${divisor.join(', ')}.`,
    ...(crop ? [] : [`Scale to ${height}×${width}, bilinearly, with half-pixel centres.`]),
    `The input is f32 [N, ${image.channels}, ${height}, ${width}], its channels ${grey ? 'luma' : 'red, green, blue'}.`
  ]
  const steps = [
    `Decode the photograph, turn it as EXIF says, ${bilinear ? 'leave its colours as they are stored' : 'convert it to sRGB'}, and put it on white where it is transparent.`,
    ...(grey ? ['Take the luma: .299 red + .587 green + .114 blue, rounded.'] : []),
    scale,
    ...(rounding ? [rounding] : []),
    ...(part ? [part] : [])
  ]
  if (!inGraph) return [...steps, ...numbers].join(' ')
  const read = readSize(given, input)
  const bytes = `Give these bytes as u8 [N, ${read.height}, ${read.width}, ${image.channels}]`
  return [
    ...steps,
    `${bytes}: row, column, ${grey ? 'luma' : 'red green blue'}. The graph does the rest:`,
    ...numbers
  ].join(' ')
}
