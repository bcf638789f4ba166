/** The process in which a file of HDF5 is read: see `readHdf5`. */
import { cut } from '../foreign.ts'
import { type H5wasm, type Hdf5Answer, type Hdf5Array, loadH5wasm } from './hdf5.ts'

type Group = InstanceType<H5wasm['Group']>

/** The largest depth of groups, so that a file whose links form a cycle is refused. */
const DEEPEST = 16

class Damage extends Error {}

const arrays = new Map<string, Hdf5Array>()
const attributes = new Map<string, Record<string, string | readonly string[]>>()

function walk({ Group, Dataset }: H5wasm, group: Group, at: string, depth: number): void {
  if (depth > DEEPEST) {
    throw new Damage(`expected at most ${DEEPEST} groups in each other, got more`)
  }
  attributes.set(at, strings(group))
  for (const name of group.keys()) {
    const inner = at === '' ? name : `${at}/${name}`
    const entity = group.get(name)
    if (entity instanceof Group) walk({ Group, Dataset } as H5wasm, entity, inner, depth + 1)
    else if (entity instanceof Dataset) {
      const { shape, value } = entity
      if (value instanceof Float32Array) arrays.set(inner, { shape: shape ?? [], data: value })
      else if (value instanceof Float64Array) {
        arrays.set(inner, { shape: shape ?? [], data: Float32Array.from(value) })
      }
    }
  }
}

function opened(path: string, { File }: H5wasm): InstanceType<H5wasm['File']> {
  try {
    const file = new File(path, 'r')
    if (file.file_id >= 0n) return file
  } catch {
    // The same as without an identifier.
  }
  throw new Damage('expected HDF5, got something else')
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

async function read(path: string): Promise<Hdf5Answer> {
  let h5wasm: H5wasm
  try {
    h5wasm = await loadH5wasm()
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) }
  }
  try {
    const file = opened(path, h5wasm)
    walk(h5wasm, file, '', 0)
    file.close()
    return { file: { arrays, attributes } }
  } catch (error) {
    if (error instanceof Damage) return { damaged: error.message }
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    return { damaged: `expected HDF5, got a damaged file (${cut(why ?? '')})` }
  }
}

process.send?.(await read(process.argv[2] ?? ''))
