/**
 * HDF5 files of f32 arrays in named groups, as Keras keeps weights, through h5wasm: the HDF5 library itself,
 * compiled to WebAssembly. An optional dependency, loaded when the first such file is read or written.
 */
import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { withFile } from './bytes.ts'
import { DamagedFileError, diskError, onDisk } from './errors.ts'
import { flushAll } from './flush.ts'

/** An array: its shape, and its elements in row-major order. */
export interface Hdf5Array {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** What a file holds. Paths have no leading '/': 'layers/conv2d/vars/0'; the file itself is ''. */
export interface Hdf5File {
  readonly arrays: ReadonlyMap<string, Hdf5Array>
  /** Strings and lists of strings, by the path of their group. */
  readonly attributes: ReadonlyMap<string, Readonly<Record<string, string | readonly string[]>>>
}

type H5wasm = typeof import('h5wasm/node')
type Group = InstanceType<H5wasm['Group']>

/** The largest depth of groups, so that a file whose links form a cycle is refused. */
const DEEPEST = 16

/** @throws Error that says what to install, where h5wasm is missing or does not load */
export async function loadH5wasm(load = () => import('h5wasm/node')): Promise<H5wasm> {
  try {
    const module = await load()
    // By default it prints its errors instead of throwing them.
    ;(await module.ready).activate_throwing_error_handler()
    return module
  } catch (cause) {
    throw new Error(
      '[hdf5] expected the package h5wasm, which reads and writes .h5 files, got none that loads;' +
        ' install it: npm install --include=optional h5wasm',
      { cause }
    )
  }
}

/**
 * Reads all f32 arrays of a file, and the attributes of its groups that are strings. Arrays of other dtypes are
 * skipped.
 * @throws DamagedFileError for a file that is not HDF5 or is cut short
 * @throws DiskError if it is missing or cannot be read
 * @throws Error if h5wasm is missing
 */
export async function readHdf5(path: string): Promise<Hdf5File> {
  const { File, Group, Dataset } = await loadH5wasm()
  await stat(path).catch((error: unknown) => {
    throw diskError('hdf5', 'read', path, error)
  })
  const arrays = new Map<string, Hdf5Array>()
  const attributes = new Map<string, Record<string, string | readonly string[]>>()
  const damaged = (reason: string, cause?: unknown) =>
    new DamagedFileError(`[hdf5] ${path}: ${reason}; is it a file of weights?`, { cause })
  const file = opened(path, File, damaged)
  try {
    await walk(file, '', 0)
  } catch (error) {
    throw error instanceof DamagedFileError
      ? error
      : damaged('expected HDF5, got a damaged file', error)
  } finally {
    file.close()
  }
  return { arrays, attributes }

  async function walk(group: Group, at: string, depth: number): Promise<void> {
    if (depth > DEEPEST) throw damaged(`expected at most ${DEEPEST} groups in each other, got more`)
    attributes.set(at, strings(group))
    for (const name of group.keys()) {
      const inner = at === '' ? name : `${at}/${name}`
      const entity = group.get(name)
      if (entity instanceof Group) await walk(entity, inner, depth + 1)
      else if (entity instanceof Dataset) {
        const { shape, value } = entity
        if (value instanceof Float32Array) arrays.set(inner, { shape: shape ?? [], data: value })
        else if (value instanceof Float64Array) {
          arrays.set(inner, { shape: shape ?? [], data: Float32Array.from(value) })
        }
        // The HDF5 library is synchronous: let the event loop run between arrays.
        await setImmediate()
      }
    }
  }
}

function opened(
  path: string,
  File: H5wasm['File'],
  damaged: (reason: string, cause?: unknown) => Error
): InstanceType<H5wasm['File']> {
  try {
    const file = new File(path, 'r')
    if (file.file_id >= 0n) return file
  } catch (cause) {
    throw damaged('expected HDF5, got something else', cause)
  }
  throw damaged('expected HDF5, got something else')
}

function strings(group: Group): Record<string, string | readonly string[]> {
  const out: Record<string, string | readonly string[]> = {}
  for (const [name, { value }] of Object.entries(group.attrs)) {
    if (typeof value === 'string') out[name] = value
    else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
      out[name] = value
    }
  }
  return out
}

/**
 * Writes a file, with the groups that its paths name. An existing file is replaced.
 * @throws Error if the file cannot be written, or h5wasm is missing
 */
export async function writeHdf5(path: string, { arrays, attributes }: Hdf5File): Promise<void> {
  const { File, Group } = await loadH5wasm()
  const file = new File(path, 'w')
  if (file.file_id < 0n)
    throw new Error(`[hdf5] ${path}: could not be made; check the folder and the disk`)
  const groupAt = (names: readonly string[]): Group => {
    let group: Group = file
    for (const name of names) {
      const known = group.keys().includes(name) ? group.get(name) : group.create_group(name)
      if (!(known instanceof Group)) throw new Error(`[hdf5] ${path}: ${name} is no group`)
      group = known
    }
    return group
  }
  try {
    for (const [at, values] of attributes) {
      const group = groupAt(at === '' ? [] : at.split('/'))
      for (const [name, value] of Object.entries(values)) {
        group.create_attribute(name, typeof value === 'string' ? value : [...value])
      }
    }
    for (const [at, { shape, data }] of arrays) {
      const names = at.split('/')
      const name = names.pop() ?? at
      groupAt(names).create_dataset({ name, data, shape: [...shape], dtype: '<f' })
      await setImmediate()
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`[hdf5] ${path}: could not be written (${reason}); is the disk full?`, {
      cause
    })
  } finally {
    file.close()
  }
  await onDisk('hdf5', 'write', path, () => withFile(path, 'r+', flushAll))
}
