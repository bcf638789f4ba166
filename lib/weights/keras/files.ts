/** Reads and writes a net's weights as Keras's files: `.h5` of Keras 1 and 2, `.weights.h5` of Keras 3. */
import type { Net } from '../../net/net.ts'
import { aNet } from '../../net/rules.ts'
import { checkArguments } from '../../util/check/check.ts'
import { text } from '../../util/check/rules.ts'
import { replaceWith } from '../../util/files/atomic.ts'
import { DamagedFileError } from '../../util/files/errors.ts'
import { type Hdf5Array, type Hdf5File, readHdf5, writeHdf5 } from '../../util/files/hdf5.ts'
import { fromKeras, type KerasKind, type KerasLayer, toKeras, weightNames } from './convert.ts'

/**
 * Writes all parameters for Keras: `model.load_weights(path)` reads them into a model of the same layers. The name
 * decides the format: `.weights.h5` is that of Keras 3, any other that of Keras 2, which Keras 3 reads, too.
 * An existing file is replaced atomically. Needs the optional dependency h5wasm.
 *
 * @param path of the new file; its folder must exist
 * @throws Error for a net with other parameters than those of conv2d, dense and batch norm, or if h5wasm is missing
 * @throws DiskError where the disk refuses; the file is as it was then
 *
 * @example
 * await saveKerasWeights(net, 'alexnet_weights.h5')
 */
export async function saveKerasWeights(net: Net, path: string): Promise<void> {
  checkArguments('keras', { net: [net, aNet], path: [path, text] })
  const layers = await toKeras(net, await net.parameters.export(net.stream))
  const names = namesOf(layers)
  const file = path.endsWith('.weights.h5') ? keras3(layers, names) : keras2(layers, names)
  await replaceWith(path, (temporary) => writeHdf5(temporary, file))
}

/**
 * Sets all parameters from a file that Keras wrote: `.h5`, or `.weights.h5`. Layers are matched by kind and order, not
 * by name: the first conv2d of the file with the first conv2d of the net, and so on. Needs the optional dependency
 * h5wasm.
 *
 * @throws DamagedFileError for a file that is not HDF5 or is cut short, or holds no f32 weights of Keras
 * @throws DiskError if the file is missing or cannot be read
 * @throws Error naming the layer that does not fit, or if h5wasm is missing; nothing is set then
 *
 * @example
 * await loadKerasWeights(net, 'alexnet_weights.h5')
 */
export async function loadKerasWeights(net: Net, path: string): Promise<void> {
  checkArguments('keras', { net: [net, aNet], path: [path, text] })
  const file = await readHdf5(path)
  const layers = layersOf(path, file)
  const shapes = new Map(net.parameters.all.map(({ name, whole }) => [name, whole]))
  const tensors = await fromKeras(net, layers, (name) => shapes.get(name))
  await net.parameters.import(net.stream, tensors)
}

/** The names that Keras gives by default: conv2d, conv2d_1, … */
function namesOf(layers: readonly KerasLayer[]): string[] {
  const counts = new Map<KerasKind, number>()
  return layers.map(({ kind }) => {
    const count = counts.get(kind) ?? 0
    counts.set(kind, count + 1)
    return count === 0 ? kind : `${kind}_${count}`
  })
}

function keras2(layers: readonly KerasLayer[], names: readonly string[]): Hdf5File {
  const arrays = new Map<string, Hdf5Array>()
  const attributes: [string, Record<string, string | readonly string[]>][] = [
    ['', { layer_names: names, backend: 'tensorflow', keras_version: '2.15.0' }]
  ]
  for (const [l, { kind, weights }] of layers.entries()) {
    const layer = names[l] ?? kind
    const paths = weights.map((_, i) => `${layer}/${weightNames[kind][i]?.[0]}:0`)
    attributes.push([layer, { weight_names: paths }])
    for (const [i, array] of weights.entries()) arrays.set(`${layer}/${paths[i]}`, array)
  }
  return { arrays, attributes: new Map(attributes) }
}

function keras3(layers: readonly KerasLayer[], names: readonly string[]): Hdf5File {
  const arrays = new Map<string, Hdf5Array>()
  const attributes: [string, Record<string, string>][] = []
  for (const [l, { kind, weights }] of layers.entries()) {
    const group = `layers/${names[l] ?? kind}/vars`
    attributes.push([group, { name: names[l] ?? kind }])
    for (const [i, array] of weights.entries()) arrays.set(`${group}/${i}`, array)
  }
  return { arrays, attributes: new Map(attributes) }
}

/** The layers with weights, in the order of the model. */
function layersOf(path: string, { arrays, attributes }: Hdf5File): KerasLayer[] {
  // A whole model keeps its weights in a group of their own.
  for (const root of ['', 'model_weights']) {
    const names = attributes.get(root)?.layer_names
    if (!Array.isArray(names)) continue
    const prefix = root === '' ? '' : `${root}/`
    return names.flatMap((name) => {
      const paths = attributes.get(`${prefix}${name}`)?.weight_names
      if (!Array.isArray(paths) || paths.length === 0) return []
      const weights = paths.map((weight) => needed(path, arrays, `${prefix}${name}/${weight}`))
      return [{ kind: kindOf(path, name, weights), weights }]
    })
  }
  const groups = new Map<string, Hdf5Array[]>()
  for (const [at, array] of arrays) {
    const [, layer, index] =
      /^(?:_layer_checkpoint_dependencies|layers)\/([^/]+)\/vars\/(\d+)$/.exec(at) ?? []
    if (layer === undefined || index === undefined) continue
    const list = groups.get(layer) ?? []
    list[Number(index)] = array
    groups.set(layer, list)
  }
  if (groups.size === 0) {
    throw new DamagedFileError(
      `[keras] ${path}: expected weights of Keras (layer_names, or groups layers/…/vars), got none`
    )
  }
  const numbered = [...groups].map(([name, weights]) => {
    const number = Number(/_(\d+)$/.exec(name)?.[1] ?? 0)
    return { number, layer: { kind: kindOf(path, name, weights), weights } }
  })
  return numbered.sort((a, b) => a.number - b.number).map(({ layer }) => layer)
}

function needed(path: string, arrays: Hdf5File['arrays'], at: string): Hdf5Array {
  const array = arrays.get(at)
  if (array) return array
  throw new DamagedFileError(`[keras] ${path}: expected an f32 array '${at}', got none`)
}

/** The kind of a layer, by the shapes of its arrays: users may name layers as they like. */
function kindOf(path: string, name: string, weights: readonly Hdf5Array[]): KerasKind {
  const [first] = weights
  const rank = first?.shape.length
  if (rank === 4) return 'conv2d'
  if (rank === 2) return 'dense'
  if (rank === 1 && weights.length === 4) return 'batch_normalization'
  throw new Error(
    `[keras] ${path}: layer ${name}: expected conv2d, dense or batch normalization with scale and centre, got ` +
      `arrays [${weights.map(({ shape }) => `[${shape}]`).join(', ')}]`
  )
}
