/**
 * HDF5 files of f32 arrays in named groups, as Keras keeps weights, through h5wasm: the HDF5 library itself,
 * compiled to WebAssembly. An optional dependency, loaded when the first such file is read or written.
 */
import { fork } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cut } from '../foreign.ts'
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

/** The package h5wasm. */
export type H5wasm = typeof import('h5wasm/node')
type Group = InstanceType<H5wasm['Group']>

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

/** What the process that reads a file sends: the file, or why there is none. */
export type Hdf5Answer =
  | { readonly file: Hdf5File }
  | { readonly missing: string }
  | { readonly damaged: string }

/**
 * Reads all f32 arrays of a file, and the attributes of its groups that are strings. Arrays of other dtypes are
 * skipped.
 *
 * In a process of its own: the HDF5 library is synchronous, and a damaged file may make it abort, after which it
 * reads nothing more and keeps the file open.
 *
 * @throws DamagedFileError for a file that is not HDF5 or is cut short
 * @throws DiskError if it is missing or cannot be read
 * @throws Error if h5wasm is missing
 */
export async function readHdf5(path: string): Promise<Hdf5File> {
  await stat(path).catch((error: unknown) => {
    throw diskError('hdf5', 'read', path, error)
  })
  const answer = await readInChild(path)
  if ('file' in answer) return answer.file
  if ('missing' in answer) throw new Error(answer.missing)
  throw new DamagedFileError(`[hdf5] ${path}: ${answer.damaged}; is it a file of weights?`)
}

function readInChild(path: string): Promise<Hdf5Answer> {
  // No `new URL`: webpack would bundle that file as a script.
  const here = fileURLToPath(import.meta.url)
  const program = join(dirname(here), `hdf5-reader${extname(here)}`)
  const child = fork(program, [path], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc']
  })
  return new Promise<Hdf5Answer>((resolve) => {
    const fail = (why: string) => resolve({ damaged: `expected HDF5, got a damaged file (${why})` })
    child.once('message', (answer: Hdf5Answer) => resolve(answer))
    child.once('error', (error) => fail(cut(error.message)))
    child.once('exit', (code, signal) => fail(`its reader ended with ${signal ?? code}`))
  }).finally(() => child.kill('SIGKILL'))
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
