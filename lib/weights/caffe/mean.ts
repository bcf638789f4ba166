/** Reads mean files of Caffe: `.binaryproto`, a blob of protobuf, and `.npy`, as its Python programs keep them. */
import { checkArguments } from '../../util/check/check.ts'
import { text } from '../../util/check/rules.ts'
import { readAll, withFile } from '../../util/files/bytes.ts'
import { DamagedFileError, onDisk } from '../../util/files/errors.ts'
import { toFloats } from '../../util/files/floats.ts'
import { readProtobuf } from '../../util/files/protobuf.ts'
import { shown } from '../../util/foreign.ts'
import type { WeightTensor } from '../format.ts'
import { tensorOfBlob } from './blob.ts'

/** The mean of training pictures, which a net's input was made by. */
export interface MeanFile {
  /** [row, column, channel], or [channel]: one number for all pixels. Channels are RGB, values of bytes 0…255. */
  readonly shape: readonly number[]
  /** f32, row-major. */
  readonly data: Float32Array
}

const NPY = Buffer.from('\x93NUMPY', 'latin1')
/** Largest mean file in bytes: 4096 × 4096 pixels of f64. */
const LARGEST = 1 << 29

/**
 * Reads a mean file of Caffe: a mean image [channel, row, column] or [1, channel, row, column], or one number a
 * channel. Its channels are BGR, as Caffe's pictures are; they are turned to RGB.
 *
 * @throws DamagedFileError for another file, and one that is damaged
 * @throws DiskError if it cannot be read
 *
 * @example
 * const { shape, data } = await readMeanFile('imagenet_mean.binaryproto') // [256, 256, 3]
 */
export async function readMeanFile(path: string): Promise<MeanFile> {
  checkArguments('mean', { path: [path, text] })
  const begin = await onDisk('mean', 'read', path, () =>
    withFile(path, 'r', async (handle) => {
      const { size } = await handle.stat()
      if (size > LARGEST) fail(path, `at most ${LARGEST} bytes`, `${size}`)
      const bytes = new Uint8Array(Math.min(size, NPY.length))
      await readAll(handle, bytes, 0)
      return bytes
    })
  )
  const tensor = NPY.equals(begin) ? await npyOf(path) : await blobOf(path)
  const shape =
    tensor.shape[0] === 1 && tensor.shape.length === 4 ? tensor.shape.slice(1) : tensor.shape
  const [channels = 0, height = 1, width = 1] = shape
  if (![1, 3].includes(channels) || ![1, 3].includes(shape.length)) {
    fail(path, '[1 or 3 channels, rows, columns] or [1 or 3 channels]', `[${tensor.shape}]`)
  }
  const values = await tensor.read()
  const plane = height * width
  const data = Float32Array.from(values, (_, i) => {
    const [place, channel] = [Math.floor(i / channels), i % channels]
    return values[(channels - 1 - channel) * plane + place] ?? 0
  })
  const own = shape.length === 1 || plane === 1 ? [channels] : [height, width, channels]
  return { shape: own, data }
}

function blobOf(path: string): Promise<WeightTensor> {
  return readProtobuf('mean', path, (blob) => tensorOfBlob(path, 'mean', blob))
}

/** An array of f32 or f64, row-major and little-endian, of any rank. */
async function npyOf(path: string): Promise<WeightTensor> {
  const bytes = await onDisk('mean', 'read', path, () =>
    withFile(path, 'r', (handle) => handle.readFile())
  )
  const [version = 0] = bytes.subarray(6)
  const [start, length] =
    bytes.length < 12
      ? [12, 0]
      : version === 1
        ? [10, bytes.readUInt16LE(8)]
        : [12, bytes.readUInt32LE(8)]
  const header = bytes.subarray(start, start + Math.min(length, 4096)).toString('latin1')
  const [, width = '', sizes = ''] =
    /^\{'descr': '<f([48])', 'fortran_order': False, 'shape': \(([\d, ]{0,99})\),? *\}/.exec(
      header
    ) ?? []
  if (width === '') {
    fail(
      path,
      "an array of '<f4' or '<f8', row-major",
      header === '' ? 'no header' : shown(header.trim())
    )
  }
  const shape = (sizes.match(/\d+/g) ?? []).map(Number)
  const data = Uint8Array.from(bytes.subarray(start + length))
  const expected = shape.reduce((product, extent) => product * extent, Number(width))
  if (data.length !== expected) fail(path, `${expected} bytes for [${shape}]`, `${data.length}`)
  const dtype = width === '4' ? 'f32' : 'f64'
  return { shape, dtype, read: async () => toFloats(dtype, data) }
}

function fail(path: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `[mean] ${path}: expected ${expected}, got ${got}; is it a mean file of Caffe?`
  )
}
