/** Draws the filters of a convolution (Krizhevsky et al. 2012, figure 3). */
import type { PublicTensor } from '../net/graph/public-tensors.ts'
import type { NetSpec } from '../net/spec.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { list, maybe, oneOf, record, typed, whole } from '../util/check/rules.ts'

/** A picture of 8-bit grey or RGB pixels. */
export interface Picture {
  /** [height, width, channels] */
  readonly data: Uint8Array
  /** Rows of pixels. */
  readonly height: number
  /** Columns of pixels. */
  readonly width: number
  /** 1: grey, 3: RGB. */
  readonly channels: 1 | 3
}

/** Options of `filterSheet`. */
export interface FilterOptions {
  /** Groups of filters that are drawn one below the other. Default 1. */
  readonly towers?: number
  /**
   * White and black stand for ± the largest absolute value of all filters ('all') or of each ('each'); zero is grey.
   * Default 'all'.
   */
  readonly scale?: 'all' | 'each'
  /** Pixels of a weight, in both directions. Default 4. */
  readonly zoom?: number
}

const filterOptions = record<FilterOptions>({
  towers: maybe(whole({ from: 1 })),
  scale: maybe(oneOf('all', 'each')),
  zoom: maybe(whole({ from: 1 }))
})
const weightsRule = record<PublicTensor>({
  shape: list(whole({ from: 1 }), { least: 4, most: 4 }),
  data: typed('Float32Array')
})

/** Pixels between filters, and between towers. */
const GAP = 2
const TOWER_GAP = 10

/**
 * Draws filters side by side: filters of three channels in colour, others as one grey picture a channel.
 *
 * @param weights [filters, channels, height, width]
 *
 * @example
 * const weights = (await net.parameters.export(net.stream)).get('conv1.weight')
 * if (weights) console.log(filterSheet(weights, { towers: 2 }))
 */
export function filterSheet(weights: PublicTensor, options: FilterOptions = {}): Picture {
  checkArguments('filters', { weights: [weights, weightsRule] })
  checkOptions('filters', options, filterOptions)
  const { towers = 1, scale = 'all', zoom = 4 } = options
  const [filters = 0, depth = 0, height = 0, width = 0] = weights.shape
  const channels = depth === 3 ? 3 : 1
  const tiles = depth === 3 ? filters : filters * depth
  const perTower = Math.ceil(tiles / towers)
  // Three rows a tower, as in the figure; few filters form a square.
  const columns = Math.max(Math.ceil(perTower / 3), Math.ceil(Math.sqrt(perTower)))
  const rows = Math.ceil(perTower / columns)
  const [tileHeight, tileWidth] = [height * zoom + GAP, width * zoom + GAP]
  const towerHeight = rows * tileHeight
  const sheet = {
    height: GAP + towers * towerHeight + (towers - 1) * TOWER_GAP,
    width: GAP + columns * tileWidth,
    channels
  } as const
  const data = new Uint8Array(sheet.height * sheet.width * channels).fill(255)
  const most = largest(weights.data)
  const size = height * width * channels
  for (let tile = 0; tile < tiles; tile++) {
    const filter = weights.data.subarray(tile * size, (tile + 1) * size)
    const bound = scale === 'all' ? most : largest(filter)
    const tower = Math.floor(tile / perTower)
    const place = tile % perTower
    const top = GAP + tower * (towerHeight + TOWER_GAP) + Math.floor(place / columns) * tileHeight
    const left = GAP + (place % columns) * tileWidth
    for (let y = 0; y < height * zoom; y++) {
      for (let x = 0; x < width * zoom; x++) {
        const at = Math.floor(y / zoom) * width + Math.floor(x / zoom)
        for (let channel = 0; channel < channels; channel++) {
          const value = filter[channel * height * width + at] ?? 0
          const shade = Math.round(127.5 + (127.5 * value) / bound)
          data[((top + y) * sheet.width + left + x) * channels + channel] = shade
        }
      }
    }
  }
  return { ...sheet, data }
}

/** Name of a net's first convolution. */
export function firstConvolution({ layers }: Pick<NetSpec, 'layers'>): string | undefined {
  return layers.find(({ node }) => node.kind === 'conv2d')?.name
}

/** The number of towers of a net: the largest number of groups of a layer. */
export function towersOf({ layers }: Pick<NetSpec, 'layers'>): number {
  const groups = layers.map(({ node: { config } }) => {
    return 'groups' in config && typeof config.groups === 'number' ? config.groups : 1
  })
  return Math.max(1, ...groups)
}

/** The largest absolute value, or 1 if all are zero. */
function largest(values: Float32Array): number {
  const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return most === 0 ? 1 : most
}
