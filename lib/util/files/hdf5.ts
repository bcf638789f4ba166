/**
 * HDF5 files of f32 arrays in named groups, as Keras keeps weights, through h5wasm: the HDF5 library itself,
 * compiled to WebAssembly. An optional dependency, loaded when the first such file is read or written.
 */
import { setImmediate } from 'node:timers/promises'
import { withFile } from './bytes.ts'
import { onDisk } from './errors.ts'
import { flushAll } from './flush.ts'
import type { H5wasm, Strings } from './hdf5-messages.ts'

/** An array: its shape, and its elements in row-major order. */
export interface Hdf5Array {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** What a file holds. Paths have no leading '/': 'layers/conv2d/vars/0'; the file itself is ''. */
export interface Hdf5File {
  readonly arrays: ReadonlyMap<string, Hdf5Array>
  /** Strings and lists of strings, by the path of their group. */
  readonly attributes: ReadonlyMap<string, Strings>
}

type Group = InstanceType<H5wasm['Group']>

/** @throws Error that says what to install, where h5wasm is missing or does not load */
export async function loadH5wasm(load = () => import('h5wasm/node')): Promise<H5wasm> {
  try {
    const module = await load()
    // By default it prints its errors instead of throwing them.
    const Module = await module.ready
    Module.activate_throwing_error_handler()
    return { ...module, Module }
  } catch (cause) {
    throw new Error(
      '[hdf5] expected the package h5wasm, which reads and writes .h5 files, got none that loads;' +
        ' install it: npm install --include=optional h5wasm',
      { cause }
    )
  }
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
