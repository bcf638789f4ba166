import { type Layer, type LayerNode, type LayerOptions, node, only, requireRank } from '../layer.ts'

export interface LrnOptions extends LayerOptions {
  /** Channels (`lrn`) or cells of each axis (`lrnWithin`) in a window. Default 5. */
  readonly size?: number
  /** Default 1e-4. */
  readonly alpha?: number
  /**
   * What alpha multiplies: the 'sum' of the window's squares (the paper as printed, TensorFlow), or their
   * 'mean' (the original code, Caffe, PyTorch). Default 'sum'.
   */
  readonly alphaOf?: 'sum' | 'mean'
  /** Default .75. */
  readonly beta?: number
  /** Default 2. */
  readonly k?: number
  /** `lrn` only: windows stop at the borders of this many groups of channels. Default 1. */
  readonly groups?: number
}

function lrnLayer(kind: 'lrn' | 'lrn_within'): Layer<LrnOptions> {
  return {
    kind,
    // Windows across channels stop at the groups' borders, or reach into other devices' slices.
    split(config, _, parts) {
      const { groups = 1 } = config
      if (kind === 'lrn_within') return { reads: 'slice', config }
      if (groups % parts !== 0) return undefined
      return { reads: 'slice', config: { ...config, groups: groups / parts } }
    },
    async forward({ tape, dtype }, config, inputs) {
      const x = only(inputs)
      requireRank(x.dims, 4, kind)
      const { size = 5, alpha = 1e-4, alphaOf = 'sum', beta = 0.75, k = 2, groups = 1 } = config
      const cells = kind === 'lrn' ? size : size * size
      const fields = {
        size,
        alpha: alphaOf === 'sum' ? alpha : alpha / cells,
        beta,
        k,
        ...(kind === 'lrn' && { groups })
      }
      const y = tape.value('y', dtype)
      await tape.call(kind, fields, { y, x })
      return {
        output: y,
        backward: async (dy) => {
          const aligned = await tape.as(dy, x.layout)
          const dx = tape.value('dx', dtype)
          // The ReLU that x came out of is undone in the same pass, unless x has other readers.
          const relu = kind === 'lrn' && x.relu && !x.shared
          await tape.call(
            `${kind}_backward`,
            { ...fields, ...(relu && { relu }) },
            { dx, x, dy: aligned }
          )
          dx.masked = relu
          return [dx]
        }
      }
    }
  }
}

const across = lrnLayer('lrn')
const within = lrnLayer('lrn_within')

/** Local response normalisation across channels: x / (k + α Σ x²)^β. Krizhevsky 2012, section 3.3. */
export function lrn(options: LrnOptions = {}): LayerNode {
  return node(across, options)
}

/** The same over a square window of each channel's own map. */
export function lrnWithin(options: LrnOptions = {}): LayerNode {
  return node(within, options)
}
