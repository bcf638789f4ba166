/** A convolution's kernels as a picture, as in the paper's figure 3: a tower's below the other's. */
import type { NetDefinition } from '../net/definition.ts'
import type { PublicTensor } from '../net/graph/parameters.ts'

/** A picture of bytes: [height, width, channels]. */
export interface Picture {
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
}

export interface FilterOptions {
  /** Groups of kernels, one below the other. Default 1. */
  readonly towers?: number
  /**
   * What white and black are: 'all' is the largest value of any kernel, 'each' that of the kernel itself.
   * Zero is the grey between them. Default 'all'.
   */
  readonly scale?: 'all' | 'each'
  /** Pixels a weight is wide. Default 4. */
  readonly zoom?: number
}

/** Pixels between kernels, and between towers. */
const GAP = 2
const TOWER_GAP = 10

/**
 * Kernels side by side: those of three channels in colour, others as a grey picture for each channel.
 *
 * @param weights [filters, channels, height, width]
 */
export function filterSheet(weights: PublicTensor, options: FilterOptions = {}): Picture {
  const { towers = 1, scale = 'all', zoom = 4 } = options
  const [filters = 0, depth = 0, height = 0, width = 0] = weights.shape
  const channels = depth === 3 ? 3 : 1
  const tiles = depth === 3 ? filters : filters * depth
  const perTower = Math.ceil(tiles / towers)
  // As wide as three rows make it, the figure's form; of few kernels a square.
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
    const kernel = weights.data.subarray(tile * size, (tile + 1) * size)
    const bound = scale === 'all' ? most : largest(kernel)
    const tower = Math.floor(tile / perTower)
    const place = tile % perTower
    const top = GAP + tower * (towerHeight + TOWER_GAP) + Math.floor(place / columns) * tileHeight
    const left = GAP + (place % columns) * tileWidth
    for (let y = 0; y < height * zoom; y++) {
      for (let x = 0; x < width * zoom; x++) {
        const at = Math.floor(y / zoom) * width + Math.floor(x / zoom)
        for (let channel = 0; channel < channels; channel++) {
          const value = kernel[channel * height * width + at] ?? 0
          const shade = Math.round(127.5 + (127.5 * value) / bound)
          data[((top + y) * sheet.width + left + x) * channels + channel] = shade
        }
      }
    }
  }
  return { ...sheet, data }
}

/** The first convolution of a net: whose kernels are looked at when nobody says which. */
export function firstConvolution({ layers }: NetDefinition): string | undefined {
  return layers.find(({ node }) => node.kind === 'conv2d')?.name
}

/**
 * Into how many towers a net splits its channels: the groups that are most among its layers.
 */
export function towersOf({ layers }: NetDefinition): number {
  const groups = layers.map(({ node: { config } }) => {
    return 'groups' in config && typeof config.groups === 'number' ? config.groups : 1
  })
  return Math.max(1, ...groups)
}

function largest(values: Float32Array): number {
  const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return most === 0 ? 1 : most
}
