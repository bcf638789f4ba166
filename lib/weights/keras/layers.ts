/** Finds the layers of a Keras model in a file of HDF5: their kinds, and where their weights are. */
import { DamagedFileError } from '../../util/files/errors.ts'
import type { Strings } from '../../util/files/hdf5-messages.ts'
import { shown } from '../../util/foreign.ts'
import type { KerasKind } from './convert.ts'

/** What is read of a file: the shapes of its arrays, and its attributes. */
export interface KerasGroups {
  readonly arrays: ReadonlyMap<string, { readonly shape: readonly number[] }>
  readonly attributes: ReadonlyMap<string, Strings>
}

/** A layer with weights. */
export interface LayerPlace {
  /** Its name in the file. */
  readonly name: string
  readonly kind: KerasKind
  /** Paths of its arrays, in the order in which Keras lists them. */
  readonly paths: readonly string[]
}

/**
 * The layers with weights, in the order of the model.
 *
 * @throws DamagedFileError for a file without weights of Keras, or that lacks some that it names
 * @throws Error for a layer of another kind, and for models in models
 */
export function layersOf(path: string, groups: KerasGroups): LayerPlace[] {
  const { attributes } = groups
  // A whole model keeps its weights in a group of their own.
  for (const root of ['', 'model_weights']) {
    const names = attributes.get(root)?.layer_names
    if (Array.isArray(names)) return named(path, groups, root === '' ? '' : `${root}/`, names)
  }
  return numbered(path, groups)
}

/** Keras 1 and 2: attributes name layers and weights. */
function named(
  path: string,
  { arrays, attributes }: KerasGroups,
  prefix: string,
  names: readonly string[]
): LayerPlace[] {
  if (new Set(names).size < names.length) {
    throw new DamagedFileError(`[keras] ${path}: expected layers of different names, got one twice`)
  }
  return names.flatMap((name) => {
    const weights = attributes.get(`${prefix}${name}`)?.weight_names
    if (!Array.isArray(weights) || weights.length === 0) return []
    const paths = weights.map((weight) => `${prefix}${name}/${weight}`)
    const depthwise = weights.find((weight) => /(?:depthwise|pointwise|recurrent)_/.test(weight))
    if (depthwise !== undefined) throw otherKind(path, name, shown(depthwise))
    return [{ name, kind: kindOf(path, name, paths, arrays), paths }]
  })
}

/** Keras 3: groups are named by kind and number, whatever the layers' names are. */
function numbered(path: string, { arrays }: KerasGroups): LayerPlace[] {
  const groups = new Map<string, string[]>()
  for (const at of arrays.keys()) {
    const [, layer, index] =
      /^(?:_layer_checkpoint_dependencies|layers)\/([^/]+)\/vars\/(\d{1,3})$/.exec(at) ?? []
    if (layer === undefined || index === undefined) {
      if (!/^(?:_layer_checkpoint_dependencies|layers)\/.*\/vars\/\d+$/.test(at)) continue
      throw new Error(
        `[keras] ${path}: expected layers of one model, got a model or a layer in another: ${shown(at)}; ` +
          'save the weights of the inner model by itself'
      )
    }
    const list = groups.get(layer) ?? []
    list[Number(index)] = at
    groups.set(layer, list)
  }
  if (groups.size === 0) {
    throw new DamagedFileError(
      `[keras] ${path}: expected weights of Keras (layer_names, or groups layers/…/vars), got none`
    )
  }
  const all = [...groups].map(([name, list]) => {
    const number = Number(/_(\d+)$/.exec(name)?.[1] ?? 0)
    const paths = Array.from(list, (at, i) => at ?? `layers/${name}/vars/${i}`)
    return { number, layer: { name, kind: kindOf(path, name, paths, arrays), paths } }
  })
  return all.sort((a, b) => a.number - b.number).map(({ layer }) => layer)
}

/** The kind of a layer, by the shapes of its arrays: users may name layers as they like. */
function kindOf(
  path: string,
  name: string,
  paths: readonly string[],
  arrays: KerasGroups['arrays']
): KerasKind {
  const shapes = paths.map((at) => {
    const array = arrays.get(at)
    if (array) return array.shape
    throw new DamagedFileError(
      `[keras] ${path}: expected an array of floats ${shown(at)}, got none`
    )
  })
  const rank = shapes[0]?.length
  if (rank === 4 && shapes.length <= 2) return 'conv2d'
  if (rank === 2 && shapes.length <= 2) return 'dense'
  if (rank === 1 && shapes.length === 4) return 'batch_normalization'
  throw otherKind(path, name, shown(shapes))
}

const otherKind = (path: string, name: string, got: string) =>
  new Error(
    `[keras] ${path}: layer ${shown(name)}: expected conv2d, dense or batch normalization with scale and centre, ` +
      `got arrays ${got}`
  )
