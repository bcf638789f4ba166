/** Reads Keras's files as files of weights: `.h5` of Keras 1 and 2, `.weights.h5` and `.keras` of Keras 3. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DamagedFileError } from '../../util/files/errors.ts'
import { toFloats } from '../../util/files/floats.ts'
import { type Hdf5Place, openHdf5 } from '../../util/files/hdf5-open.ts'
import { isObject, parseJson } from '../../util/files/json.ts'
import { readStored, unpackEntry, type ZipEntry } from '../../util/files/zip-list.ts'
import type {
  ArrangedTensor,
  FileBegin,
  ParameterPlace,
  WeightLayer,
  WeightsFile,
  WeightsReader,
  WeightTensor
} from '../format.ts'
import { kinds, moved, orderOf, weightNames } from './convert.ts'
import { type LayerPlace, layersOf } from './layers.ts'

const MARK = Buffer.from('894844460d0a1a0a', 'hex')
const WEIGHTS = 'model.weights.h5'
/** How much larger the weights may be than the archive. */
const MOST_EXPANDED = 16

export const hdf5Reader: WeightsReader = {
  matches: ({ bytes }) => MARK.equals(bytes.subarray(0, MARK.length)),
  read: (begin) => readKeras(begin)
}

/** Whether an archive is of Keras. */
export const isKeras = (entries: ReadonlyMap<string, ZipEntry>) => entries.has(WEIGHTS)

/** Reads an archive that `isKeras`: its weights are unpacked for as long as they are read. */
export async function readKerasArchive(
  begin: FileBegin,
  entries: ReadonlyMap<string, ZipEntry>
): Promise<WeightsFile> {
  const { path, size } = begin
  const { bytes } = entries.get(WEIGHTS) ?? { bytes: 0 }
  if (bytes > size * MOST_EXPANDED) {
    throw new DamagedFileError(
      `[keras] ${path}: expected weights of at most ${MOST_EXPANDED} times the archive's size, got ${bytes} bytes`
    )
  }
  const unpacked = async (): Promise<Hdf5Place> => {
    const folder = await mkdtemp(join(tmpdir(), 'alexnode-keras-'))
    const opened = () => rm(folder, { recursive: true, force: true })
    try {
      const to = join(folder, WEIGHTS)
      await unpackEntry('keras', path, WEIGHTS, to)
      // Removed as soon as it is open: its reader keeps it.
      return { path: to, opened }
    } catch (error) {
      await opened()
      throw error
    }
  }
  return readKeras(begin, unpacked, await aboutOf(path, entries.get('metadata.json')))
}

/** What the archive says of itself. */
async function aboutOf(path: string, entry: ZipEntry | undefined): Promise<Record<string, string>> {
  if (!entry?.stored || entry.bytes > 4096) return {}
  const text = Buffer.from(await readStored('keras', path, entry)).toString('utf8')
  try {
    const known = parseJson(text)
    return isObject(known) ? textsOf(known) : {}
  } catch {
    return {}
  }
}

function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const known = ['keras_version', 'backend', 'date_saved']
  return Object.fromEntries(
    known.flatMap((name) => (typeof values[name] === 'string' ? [[name, values[name]]] : []))
  )
}

async function readKeras(
  { path, size }: FileBegin,
  place?: () => Promise<Hdf5Place>,
  about: Record<string, string> = {}
): Promise<WeightsFile> {
  const file = await openHdf5(path, place)
  const { arrays, attributes } = file
  const layers = layersOf(path, file)
  const tensors = new Map<string, WeightTensor>()
  const used = layers.flatMap(({ paths }) => paths)
  for (const at of used) {
    const info = arrays.get(at)
    if (!info) continue
    const read = async () => toFloats(info.dtype, await file.read(at))
    tensors.set(at, { ...info, read })
  }
  const others = arrays.size - tensors.size
  return {
    path,
    format: 'keras',
    bytes: size,
    tensors,
    metadata: {
      ...textsOf(attributes.get('') ?? {}),
      ...textsOf(attributes.get('model_weights') ?? {}),
      ...about
    },
    layers: layers.map(layerOf),
    notes:
      others > 0 ? [`${others} arrays that are no weights of layers, such as an optimizer's`] : [],
    arrange
  }
}

function layerOf({ name, kind, paths }: LayerPlace): WeightLayer {
  const own = Object.entries(kinds).find(([, theirs]) => theirs === kind)?.[0] ?? kind
  const roles = weightNames[kind].map(([, role]) => role)
  const tensors = Object.fromEntries(paths.map((at, i) => [roles[i] ?? `${i}`, at]))
  return { name, kind: own, tensors }
}

/** Keras's order of axes to ours: HWIO to OIHW, [in, out] to [out, in], and H, W, C before a dense layer to C, H, W. */
function arrange({ kind, shape, flattened }: ParameterPlace, tensor: WeightTensor): ArrangedTensor {
  const theirs = tensor.shape
  const read = async () => {
    const order = orderOf(shape, kind === 'dense' ? 'dense' : 'conv2d', flattened)
    return moved({ shape, data: await tensor.read() }, order, true).data
  }
  const [a = 0, b = 0, c = 0, d = 0] = theirs
  if (theirs.length === 4) return { shape: [d, c, a, b], how: ['HWIO to OIHW'], read }
  if (theirs.length !== 2) return { shape: theirs, how: [], read: () => tensor.read() }
  const how = flattened
    ? ['[in, out] to [out, in]', 'inputs from H, W, C to C, H, W']
    : ['[in, out] to [out, in]']
  return { shape: [b, a], how, read }
}
