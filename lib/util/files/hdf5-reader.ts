/**
 * The process in which a file of HDF5 is read: see `openHdf5`. It lists the file, then reads one array after the other,
 * as it is asked to. No other file is opened, wherever the links of this one lead.
 */
import fs from 'node:fs'
import { cut } from '../foreign.ts'
import { loadH5wasm } from './hdf5.ts'
import type {
  H5wasm,
  Hdf5Answer,
  Hdf5Dtype,
  Hdf5Info,
  Hdf5Request,
  Strings
} from './hdf5-messages.ts'

type Group = InstanceType<H5wasm['Group']>
type File = InstanceType<H5wasm['File']>
type Dataset = InstanceType<H5wasm['Dataset']>

/** The largest depth of groups. */
const DEEPEST = 16
/** The most groups and arrays: more than Keras writes for a net of a thousand layers with its optimizer. */
const MOST = 20_000
/** How much larger than the file its arrays may be together: compression of weights does not reach that. */
const MOST_EXPANDED = 16

class Damage extends Error {}

/** Classes of HDF5's types. */
const INTEGER = 0
const FLOAT = 1

const dtypes: Readonly<Record<string, Hdf5Dtype>> = { f2: 'f16', f4: 'f32', f8: 'f64' }

/** What is listed. */
class Listing {
  readonly arrays = new Map<string, Hdf5Info>()
  readonly attributes = new Map<string, Strings>()
  readonly #h5wasm: H5wasm
  readonly #file: File
  /** Groups by their addresses. */
  readonly #seen = new Set<string>()
  readonly #most: number
  #objects = 0
  #bytes = 0

  constructor(h5wasm: H5wasm, file: File, size: number) {
    this.#h5wasm = h5wasm
    this.#file = file
    this.#most = size * MOST_EXPANDED
  }

  walk(group: Group, at: string, depth: number): void {
    const address = at === '' ? '' : this.#addressOf(at)
    if (depth > DEEPEST || this.#seen.has(address) || address === this.#addressOf('/')) {
      throw new Damage(
        `expected a tree of at most ${DEEPEST} groups in each other, got links that form a loop or a deeper one`
      )
    }
    this.#seen.add(address)
    this.attributes.set(at, strings(group))
    for (const name of group.keys()) {
      if (++this.#objects > MOST)
        throw new Damage(`expected at most ${MOST} groups and arrays, got more`)
      const inner = at === '' ? name : `${at}/${name}`
      const entity = group.get(name)
      if (entity instanceof this.#h5wasm.Group) this.walk(entity, inner, depth + 1)
      else if (entity instanceof this.#h5wasm.Dataset) this.#add(entity, inner)
    }
  }

  #addressOf(path: string): string {
    const { Module } = this.#h5wasm
    return Buffer.from(Module.create_object_reference(this.#file.file_id, path)).toString('hex')
  }

  #add({ metadata }: Dataset, at: string): void {
    const { type, size, shape, littleEndian, virtual_sources: sources = [] } = metadata
    const dtype = type === FLOAT ? dtypes[`f${size}`] : undefined
    if (!dtype || shape === null) {
      // Counters of steps, seeds and names are no weights.
      if (type === INTEGER || type > FLOAT || shape === null) return
      throw new Damage(`expected floats of 2, 4 or 8 bytes, got ${size} in '${cut(at)}'`)
    }
    if (!littleEndian)
      throw new Damage(`expected little-endian values, got big-endian in '${cut(at)}'`)
    if (sources.length > 0)
      throw new Damage(`expected values in this file, got links to others in '${cut(at)}'`)
    const bytes = shape.reduce((product, extent) => product * extent, size)
    this.#bytes += bytes
    if (!(this.#bytes <= this.#most)) {
      throw new Damage(
        `expected arrays of at most ${MOST_EXPANDED} times the file's size, got more, up to '${cut(at)}' [${shape}]`
      )
    }
    this.arrays.set(at, { shape, dtype })
  }
}

function strings(group: Group): Strings {
  const out: Record<string, string | readonly string[]> = {}
  for (const [name, { value }] of Object.entries(group.attrs)) {
    if (typeof value === 'string') out[name] = value
    else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
      out[name] = value
    }
  }
  return out
}

function opened(path: string, { File }: H5wasm): File {
  try {
    const file = new File(path, 'r')
    if (file.file_id >= 0n) return file
  } catch {
    // The same as without an identifier.
  }
  throw new Damage('expected HDF5, got something else')
}

/** Reads the bytes of an array as they are in the file: h5wasm has no name for values of f16. */
function bytesOf({ Module }: H5wasm, file: File, at: string): Uint8Array {
  const { size, total_size: count } = Module.get_dataset_metadata(file.file_id, at)
  const bytes = size * count
  if (bytes === 0) return new Uint8Array()
  const place = Module._malloc(bytes)
  try {
    Module.get_dataset_data(file.file_id, at, null, null, null, BigInt(place))
    return Module.HEAPU8.slice(place, place + bytes)
  } finally {
    Module._free(place)
  }
}

/** Refuses to open anything else: an array may say that its values are in another file of this machine. */
function openOnly(path: string): void {
  const { openSync } = fs
  fs.openSync = (other, ...rest) => {
    if (other !== path) throw Object.assign(new Error('another file'), { code: 'EACCES' })
    return openSync(other, ...rest)
  }
}

async function serve(path: string): Promise<void> {
  const send = (answer: Hdf5Answer) => process.send?.(answer)
  const damaged = (error: unknown) => {
    if (error instanceof Damage) return send({ damaged: error.message })
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    return send({ damaged: `expected HDF5, got a damaged file (${cut(why ?? '')})` })
  }
  let h5wasm: H5wasm
  try {
    h5wasm = await loadH5wasm()
  } catch (error) {
    send({ missing: error instanceof Error ? error.message : String(error) })
    return
  }
  openOnly(path)
  let file: File | undefined
  process.on('message', (request: Hdf5Request) => {
    try {
      file ??= opened(path, h5wasm)
      if (request.read === undefined) {
        const listing = new Listing(h5wasm, file, fs.statSync(path).size)
        listing.walk(file, '', 0)
        send({ arrays: listing.arrays, attributes: listing.attributes })
      } else send({ bytes: bytesOf(h5wasm, file, request.read) })
    } catch (error) {
      damaged(error)
    }
  })
}

process.on('disconnect', () => process.exit())
await serve(process.argv[2] ?? '')
