/** CIFAR's batches as Python pickles: a dictionary with `data`, an array [n, 3072] of NumPy, and labels. */
import { PickleCall, readPickle } from '../util/files/pickle.ts'
import { DataError } from './dataset.ts'

/** What NumPy's arrays of bytes are pickled as, by its versions and Python's. */
const allowed = [
  'numpy.core.multiarray _reconstruct',
  'numpy._core.multiarray _reconstruct',
  'numpy ndarray',
  'numpy dtype',
  '_codecs encode'
]

/** A batch: pixels [n, 3072], and a label for each. */
export interface PickledBatch {
  readonly data: Uint8Array
  readonly labels: Uint8Array
}

/**
 * Reads a batch.
 *
 * @param key of the labels: 'labels' or 'fine_labels'
 * @throws DamagedFileError if it is no pickle, or one that names other things
 * @throws DataError if it holds no images and labels
 */
export function readBatch(bytes: Buffer, name: string, key: string, pixels: number): PickledBatch {
  const batch = readPickle(bytes, { name, allowed })
  const [data, labels] = [arrayOf(field(batch, 'data')), field(batch, key)]
  const isLabel = (value: unknown) => typeof value === 'number' && value >= 0 && value < 256
  if (!data || !Array.isArray(labels) || !labels.every(isLabel)) {
    throw new DataError(
      `[data] ${name}: expected a dictionary with 'data' and '${key}', got another; fetch the file again`
    )
  }
  if (data.length !== labels.length * pixels || labels.length === 0) {
    throw new DataError(
      `[data] ${name}: expected ${pixels} bytes for each of ${labels.length} labels, got ${data.length};` +
        ' fetch the file again'
    )
  }
  return { data, labels: Uint8Array.from(labels, Number) }
}

/** Reads class names; none if the file has none. */
export function readNames(bytes: Buffer, name: string, key: string): readonly string[] {
  const names = field(readPickle(bytes, { name, allowed }), key)
  return Array.isArray(names) ? names.map(textOf) : []
}

/** A value of a dictionary, whose keys are texts. */
const field = (value: unknown, key: string): unknown =>
  value instanceof Map ? value.get(key) : undefined

const textOf = (value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)

/** The bytes of an array of NumPy in u8, row-major; undefined for another value. */
function arrayOf(value: unknown): Uint8Array | undefined {
  if (!(value instanceof PickleCall) || !Array.isArray(value.state)) return
  const [, , dtype, columnMajor, bytes]: unknown[] = value.state
  const kind = dtype instanceof PickleCall ? dtype.args[0] : undefined
  if (columnMajor !== false || textOf(kind) !== 'u1') return
  if (bytes instanceof Uint8Array) return bytes
  // Python 3 writes bytes for protocol 2 as a text in Latin-1.
  const [text]: readonly unknown[] = bytes instanceof PickleCall ? bytes.args : []
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : undefined
}
