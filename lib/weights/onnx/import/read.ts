/** Reads ONNX files as files of weights. */
import { DamagedFileError } from '../../../util/files/errors.ts'
import type { WeightLayer, WeightsReader, WeightTensor } from '../../format.ts'
import { netOf, turned } from './import.ts'
import { readModel } from './model.ts'
import type { LayerDraft } from './net.ts'

/** ONNX's messages begin with field 1, a varint: the version of the format, which is below 128. */
const VERSION = 0x08
const LATEST = 127
/** Kinds of tensors that are weights. */
const FLOATS = ['f32', 'f64', 'f16', 'bf16']

/** ONNX: see https://github.com/onnx/onnx/blob/main/docs/IR.md. */
export const onnxReader: WeightsReader = {
  matches({ bytes }) {
    const [tag, version = 0, next = 0] = bytes
    // Fields 2 to 14 of a model, whose kind is bytes or a varint.
    const known = (next & 7) === 2 || (next & 7) === 0
    return tag === VERSION && version > 0 && version <= LATEST && known && next >> 3 < 15
  },

  async read({ path, size }) {
    const model = await readModel(path)
    const tensors = new Map<string, WeightTensor>()
    for (const [name, { dtype, shape, read }] of model.constants) {
      if (FLOATS.includes(dtype)) tensors.set(name, { dtype, shape, read })
    }
    const { layers, transposed, note } = layersOf(() => netOf(model).drafts)
    return {
      path,
      format: 'onnx',
      bytes: size,
      tensors,
      metadata: model.metadata,
      ...(layers && { layers }),
      notes: note === undefined ? [] : [note],
      arrange(place, tensor) {
        const found = [...transposed].find((name) => tensors.get(name) === tensor)
        const [rows = 0, columns = 0] = tensor.shape
        if (found === undefined) return { shape: tensor.shape, how: [], read: () => tensor.read() }
        return {
          shape: [columns, rows],
          how: ['[in, out] to [out, in]'],
          read: async () => turned(await tensor.read(), place.shape)
        }
      }
    }
  }
}

/** The layers of a graph that nets here can have; else a note that says why there are none. */
function layersOf(read: () => readonly LayerDraft[]): {
  readonly layers?: readonly WeightLayer[]
  readonly transposed: ReadonlySet<string>
  readonly note?: string
} {
  const transposed = new Set<string>()
  try {
    const drafts = read().filter(({ parameters }) => parameters.size > 0)
    const layers = drafts.map(({ name, kind, parameters }) => {
      const own = [...parameters].map(([role, source]) => {
        if (source.transposed) transposed.add(source.tensor.name)
        return [role, source.tensor.name] as const
      })
      return { name, kind, tensors: Object.fromEntries(own) }
    })
    return { layers, transposed }
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error
    return { transposed, note: `its graph is not read: ${error.message.replace(/^\[onnx\] /, '')}` }
  }
}
