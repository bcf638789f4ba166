/** Reads and writes a net's weights as Keras's files: `.h5` of Keras 1 and 2, `.weights.h5` of Keras 3. */
import type { Net } from '../../net/net.ts'
import { aNet } from '../../net/rules.ts'
import { checkArguments } from '../../util/check/check.ts'
import { text } from '../../util/check/rules.ts'
import { replaceWith } from '../../util/files/atomic.ts'
import { type Hdf5Array, type Hdf5File, writeHdf5 } from '../../util/files/hdf5.ts'
import { readHdf5 } from '../../util/files/hdf5-open.ts'
import { fromKeras, type KerasKind, type KerasLayer, toKeras, weightNames } from './convert.ts'
import { layersOf } from './layers.ts'

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
  const layers = weightsOf(path, file)
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
function weightsOf(path: string, { arrays, attributes }: Hdf5File): KerasLayer[] {
  return layersOf(path, { arrays, attributes }).map(({ kind, paths }) => ({
    kind,
    weights: paths.flatMap((at) => arrays.get(at) ?? [])
  }))
}
