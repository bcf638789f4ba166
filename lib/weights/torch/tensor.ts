/** Tensors of PyTorch: a view, with sizes and strides, of a storage that other tensors may share. */
import { setImmediate } from 'node:timers/promises'
import { DamagedFileError } from '../../util/files/errors.ts'
import { PIECE, toFloats } from '../../util/files/floats.ts'
import { PickleCall, PickleName, PickleReference } from '../../util/files/pickle.ts'
import type { FileDtype } from '../../util/files/safetensors-header.ts'
import { readStored, type ZipEntry } from '../../util/files/zip-list.ts'
import { shown } from '../../util/foreign.ts'
import type { WeightTensor } from '../format.ts'
import { PARAMETER, storages, TENSOR } from './names.ts'

/** What is known of an archive. */
export interface Archive {
  readonly path: string
  /** The folder that all entries are in: 'archive/'. */
  readonly root: string
  readonly entries: ReadonlyMap<string, ZipEntry>
}

/** Most axes of a tensor. */
const MOST_AXES = 16

interface View {
  readonly dtype: FileDtype
  readonly width: number
  readonly entry: ZipEntry
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** True for what may be a tensor. */
export function isTensor(value: unknown): value is PickleCall {
  return value instanceof PickleCall && (value.name === TENSOR || value.name === PARAMETER)
}

/**
 * A tensor that a pickle asks to be made.
 * @throws DamagedFileError for a view that its storage does not hold
 */
export function tensorOf(archive: Archive, name: string, call: PickleCall): WeightTensor {
  const view = viewOf(archive, name, call)
  const { shape, dtype } = view
  return { shape, dtype, read: () => readView(archive.path, view) }
}

function viewOf(archive: Archive, name: string, { name: callee, args }: PickleCall): View {
  const fail = (expected: string, got: string): never => {
    throw new DamagedFileError(
      `[torch] ${archive.path}: tensor ${shown(name)}: expected ${expected}, got ${got}`
    )
  }
  const [first] = args
  if (callee === PARAMETER) {
    if (!(first instanceof PickleCall) || first.name !== TENSOR) {
      return fail('a tensor in a parameter', 'something else')
    }
    return viewOf(archive, name, first)
  }
  const [storage, offset, shape, strides] = args
  const id = storage instanceof PickleReference ? storage.id : undefined
  const [kind, type, key, , count] = Array.isArray(id) ? (id as readonly unknown[]) : []
  const known = type instanceof PickleName ? storages[type.name] : undefined
  if (kind !== 'storage' || !known || typeof key !== 'string' || !isWhole(count)) {
    return fail('a storage of a known kind', shown(type instanceof PickleName ? type.name : kind))
  }
  const [dtype, width] = known
  if (!isWholes(shape) || !isWholes(strides) || !isWhole(offset)) {
    return fail('sizes, strides and offset in whole numbers', 'others')
  }
  if (shape.length !== strides.length || shape.length > MOST_AXES) {
    return fail(`as many strides as sizes, at most ${MOST_AXES}`, `${strides.length}`)
  }
  const entry = archive.entries.get(`${archive.root}data/${key}`)
  if (!entry) return fail(`the storage data/${key}`, 'an archive without it')
  if (entry.bytes < count * width) {
    return fail(`${count * width} bytes in data/${key}`, `${entry.bytes}`)
  }
  const elements = shape.reduce((product, extent) => product * extent, 1)
  const last = shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] ?? 0), offset)
  if (elements > 0 && !(last < count)) {
    return fail(`a view of ${count} values`, `one that ends at ${last}`)
  }
  if (elements > count) {
    return fail(
      `at most the ${count} values of its storage`,
      `an expanded tensor of ${elements}; write it in PyTorch with .contiguous()`
    )
  }
  return { dtype, width, entry, offset, shape, strides }
}

/** Reads the part of the storage that the view spans, and puts its values in order. */
async function readView(
  path: string,
  { dtype, width, entry, offset, shape, strides }: View
): Promise<Float32Array> {
  const elements = shape.reduce((product, extent) => product * extent, 1)
  if (elements === 0) return new Float32Array()
  const span = 1 + shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] ?? 0), 0)
  const bytes = await readStored('torch', path, entry, offset * width, span * width)
  const values = toFloats(dtype, bytes)
  return isRowMajor(shape, strides) ? values : gather(values, shape, strides)
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const extent = shape[i] ?? 1
    // The stride of an axis of length 1 is never used.
    if (extent !== 1 && strides[i] !== step) return false
    step *= extent
  }
  return true
}

/** Puts values that lie with any strides in row-major order. */
async function gather(
  values: Float32Array,
  shape: readonly number[],
  strides: readonly number[]
): Promise<Float32Array> {
  const out = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  const places = shape.map(() => 0)
  let from = 0
  for (let at = 0; at < out.length; at++) {
    out[at] = values[from] ?? 0
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const place = (places[axis] ?? 0) + 1
      from += strides[axis] ?? 0
      places[axis] = place
      if (place < (shape[axis] ?? 1)) break
      from -= place * (strides[axis] ?? 0)
      places[axis] = 0
    }
    if (at % PIECE === PIECE - 1) await setImmediate()
  }
  return out
}

const isWhole = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

function isWholes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isWhole)
}
