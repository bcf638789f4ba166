/** Reads Caffe's `.caffemodel`: a net as a message of protobuf, of both versions of its layers. */
import { DamagedFileError } from '../../util/files/errors.ts'
import { type Message, readProtobuf } from '../../util/files/protobuf.ts'
import { shown } from '../../util/foreign.ts'
import type {
  ArrangedTensor,
  ParameterPlace,
  WeightLayer,
  WeightsFile,
  WeightsReader,
  WeightTensor
} from '../format.ts'
import { tensorOfBlob } from './blob.ts'
import { INNER_PRODUCT, kinds, LAYER, NET, OLD_LAYER } from './proto.ts'

/** Tags that may come after the net's name: fields 2 to 8 and 100, as numbers and as bytes. */
const TAGS = [0x12, 0x1a, 0x20, 0x22, 0x28, 0x32, 0x38, 0x42]
const NAME = 0x0a

export const caffeReader: WeightsReader = {
  matches({ bytes }) {
    let at = 0
    if (bytes[0] === NAME) {
      const length = bytes[1] ?? 0
      if (length >= 0x80 || bytes.subarray(2, 2 + length).some((byte) => byte < 0x20)) return false
      at = 2 + length
    }
    const tag = bytes[at] ?? 0
    return TAGS.includes(tag) ? at > 0 || tag === 0x12 : tag === 0xa2 && bytes[at + 1] === 6
  },

  async read({ path, size }) {
    const { name, layers } = await readProtobuf('caffe', path, (net) => netOf(path, net))
    const tensors = new Map<string, WeightTensor>()
    const listed: WeightLayer[] = []
    const transposed = new Set<string>()
    const others: string[] = []
    for (const layer of layers) {
      const names = layer.blobs.map((_, i) => blobName(layer, i))
      for (const [i, tensor] of layer.blobs.entries()) {
        const blob = names[i] ?? ''
        if (tensors.has(blob)) {
          throw new DamagedFileError(
            `[caffe] ${path}: expected layers of different names, got ${shown(layer.name)} twice`
          )
        }
        tensors.set(blob, tensor)
        if (layer.transposed) transposed.add(blob)
      }
      if (!layer.kind) others.push(layer.name)
      else {
        const [weight = '', bias] = names
        const own = { weight, ...(bias !== undefined && { bias }) }
        listed.push({ name: layer.name, kind: layer.kind, tensors: own })
      }
    }
    const arrange = (place: ParameterPlace, tensor: WeightTensor) => {
      const turned = [...tensors].some(([blob, one]) => one === tensor && transposed.has(blob))
      return arranged(place, tensor, turned)
    }
    const file: WeightsFile = {
      path,
      format: 'caffe',
      bytes: size,
      tensors,
      metadata: name === undefined || name === '' ? {} : { net: name },
      layers: listed,
      byName: true,
      notes:
        others.length > 0
          ? [
              `layers that are no convolution or inner product, not used: ${shown(others.join(', '))}`
            ]
          : [],
      arrange
    }
    return file
  }
}

/** A layer with blobs. */
interface CaffeLayer {
  readonly name: string
  readonly kind: 'conv2d' | 'dense' | undefined
  /** True for an inner product whose weights are [in, out]. */
  readonly transposed: boolean
  readonly blobs: readonly WeightTensor[]
}

const blobName = ({ name, kind }: CaffeLayer, i: number) =>
  kind ? `${name}.${['weight', 'bias'][i] ?? i}` : `${name}.${i}`

async function netOf(
  path: string,
  net: Message
): Promise<{ readonly name: string | undefined; readonly layers: readonly CaffeLayer[] }> {
  const layers: CaffeLayer[] = []
  for (const layer of await net.messages(NET.layers)) {
    const product = await layer.message(LAYER.innerProduct)
    const transposed = product?.integer(INNER_PRODUCT.transpose) === 1
    const type = (await layer.text(LAYER.type)) ?? ''
    layers.push(await layerOf(path, layer, LAYER, type, transposed))
  }
  for (const layer of await net.messages(NET.oldLayers)) {
    if (layer.has(OLD_LAYER.layer)) {
      throw new DamagedFileError(
        `[caffe] ${path}: expected layers of Caffe from 2014 on, got older ones; ` +
          'convert it where Caffe is: upgrade_net_proto_binary OLD.caffemodel NEW.caffemodel'
      )
    }
    layers.push(await layerOf(path, layer, OLD_LAYER, layer.integer(OLD_LAYER.type) ?? 0, false))
  }
  const full = layers.filter(({ blobs }) => blobs.length > 0)
  if (full.length > 0) return { name: await net.text(NET.name), layers: full }
  throw new DamagedFileError(
    `[caffe] ${path}: expected layers with weights, got ` +
      (layers.length > 0 ? `${layers.length} layers without any` : 'none: is it a .caffemodel?')
  )
}

async function layerOf(
  path: string,
  layer: Message,
  fields: { readonly name: number; readonly blobs: number },
  type: string | number,
  transposed: boolean
): Promise<CaffeLayer> {
  const name = (await layer.text(fields.name)) ?? ''
  const blobs: WeightTensor[] = []
  for (const [i, blob] of (await layer.messages(fields.blobs)).entries()) {
    blobs.push(await tensorOfBlob(path, `${name}.${i}`, blob))
  }
  return { name, kind: kinds.get(type), transposed, blobs }
}

/** Old shapes to ours, and the channels of the layer that reads pictures from BGR to RGB. */
function arranged(
  { kind, role, shape: ours, readsInput }: ParameterPlace,
  { shape: theirs, read }: WeightTensor,
  transposed: boolean
): ArrangedTensor {
  const rank = role === 'bias' ? 1 : kind === 'conv2d' ? 4 : 2
  // Old shapes have four axes: [1, 1, out, in], [1, 1, 1, out].
  const padding = theirs.slice(0, Math.max(0, theirs.length - rank))
  const shape = padding.every((extent) => extent === 1) ? theirs.slice(padding.length) : theirs
  if (transposed && role === 'weight' && shape.length === 2) {
    const [inputs = 0, outputs = 0] = shape
    const turned = async () => transpose(await read(), inputs, outputs)
    return { shape: [outputs, inputs], how: ['[in, out] to [out, in]'], read: turned }
  }
  const [, channels = 0, height = 0, width = 0] = ours
  if (readsInput && kind === 'conv2d' && role === 'weight' && channels === 3) {
    return { shape, how: ['BGR to RGB'], read: async () => swapped(await read(), height * width) }
  }
  return { shape, how: [], read }
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j] ?? 0
  }
  return out
}

/** Puts the first of three planes last. */
function swapped(values: Float32Array, plane: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let at = 0; at < values.length; at += plane) {
    const channel = (at / plane) % 3
    out.set(values.subarray(at, at + plane), at + (2 - 2 * channel) * plane)
  }
  return out
}
