/** Blobs of Caffe: arrays of f32 or f64 in a message of protobuf. */
import { DamagedFileError } from '../../util/files/errors.ts'
import { toFloats } from '../../util/files/floats.ts'
import { type Message, readSpan } from '../../util/files/protobuf.ts'
import { shown } from '../../util/foreign.ts'
import type { WeightTensor } from '../format.ts'
import { BLOB, SHAPE } from './proto.ts'

/** Most axes of a blob, as in Caffe. */
const MOST_AXES = 32

/**
 * A blob as a tensor.
 * @param name of the blob, for errors
 * @throws DamagedFileError where it has not as many values as its shape says
 */
export async function tensorOfBlob(
  path: string,
  name: string,
  blob: Message
): Promise<WeightTensor> {
  const fail = (expected: string, got: string): never => {
    throw new DamagedFileError(
      `[caffe] ${path}: blob ${shown(name)}: expected ${expected}, got ${got}`
    )
  }
  const shape = await shapeOf(blob)
  const double = blob.has(BLOB.doubleData)
  const field = double ? BLOB.doubleData : BLOB.data
  if (blob.count(field) > 1) fail('packed values in one piece', `${blob.count(field)} pieces`)
  const width = double ? 8 : 4
  const span = blob.span(field) ?? { at: 0, length: 0 }
  const bytes = shape.reduce((product, extent) => product * extent, width)
  if (shape.length > MOST_AXES || shape.some((extent) => !(extent >= 0)) || bytes !== span.length) {
    fail(`values for [${shape}], ${bytes} bytes`, `${span.length} bytes`)
  }
  const dtype = double ? 'f64' : 'f32'
  const read = async () => toFloats(dtype, await readSpan('caffe', path, span))
  return { shape, dtype, read }
}

async function shapeOf(blob: Message): Promise<readonly number[]> {
  const shape = await blob.message(BLOB.shape)
  if (shape) return shape.numbers(SHAPE.dim, 'varint')
  return BLOB.oldShape.map((field) => blob.integer(field) ?? 0)
}
