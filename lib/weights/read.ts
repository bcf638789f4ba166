import type { FileHandle } from 'node:fs/promises'
import { checkArguments } from '../util/check/check.ts'
import { text } from '../util/check/rules.ts'
import { readAll, withFile } from '../util/files/bytes.ts'
import { DamagedFileError, failedCall, onDisk } from '../util/files/errors.ts'
import { caffeReader } from './caffe/read.ts'
import type { FileBegin, WeightsFile, WeightsReader } from './format.ts'
import { hdf5Reader } from './keras/read.ts'
import { onnxReader } from './onnx/import/read.ts'
import { safetensorsReader } from './safetensors/read.ts'
import { refuseOldTorch } from './torch/read.ts'
import { zipReader } from './zip.ts'

/** In this order: formats that begin with a mark of their own before those that do not. */
const readers: readonly WeightsReader[] = [
  zipReader,
  hdf5Reader,
  safetensorsReader,
  onnxReader,
  caffeReader
]

/** Bytes by which a format is told. */
const BEGIN = 4096

/**
 * Opens a file of weights of any format that is known: safetensors, PyTorch's .pth and .pt, Keras's .h5,
 * .weights.h5 and .keras, Caffe's .caffemodel, ONNX's .onnx. The format is told by the content, not by the name.
 * Reads what the file holds; values are read when a tensor is asked for them. Nothing in a file is run.
 *
 * @throws DamagedFileError for a file of no known format, and one that is cut short or damaged
 * @throws DiskError if it is missing or cannot be read
 *
 * @example
 * const file = await readWeights('alexnet.safetensors')
 * const { shape, dtype } = file.tensors.get('features.0.weight') ?? {}
 */
export async function readWeights(path: string): Promise<WeightsFile> {
  checkArguments('weights', { path: [path, text] })
  const begin = await onDisk('weights', 'read', path, () =>
    withFile(path, 'r', (handle) => beginOf(handle, path))
  )
  const reader = readers.find((one) => one.matches(begin))
  if (!reader) {
    refuseOldTorch(begin)
    throw new DamagedFileError(
      `[weights] ${path}: expected a file of weights (safetensors, PyTorch, Keras, Caffe, ONNX), got ` +
        `${begin.size === 0 ? 'an empty file' : 'another format, or a damaged file'}`
    )
  }
  return reader.read(begin)
}

async function beginOf(handle: FileHandle, path: string): Promise<FileBegin> {
  const stats = await handle.stat()
  if (stats.isDirectory()) throw failedCall('EISDIR', 'read')
  const { size } = stats
  const bytes = new Uint8Array(Math.min(size, BEGIN))
  const got = await readAll(handle, bytes, 0)
  return { path, size, bytes: bytes.subarray(0, got) }
}
