/** Reads files of HDF5 through a process of their own. */
import { type ChildProcess, fork } from 'node:child_process'
import { realpath, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cut } from '../foreign.ts'
import { DamagedFileError, diskError } from './errors.ts'
import { toFloats } from './floats.ts'
import type { Hdf5Array, Hdf5File } from './hdf5.ts'
import type { Hdf5Answer, Hdf5Listing, Hdf5Request } from './hdf5-messages.ts'

/** Milliseconds after which the process is taken to hang. */
const LIMITS = { list: 60_000, read: 120_000 } as const
/** Milliseconds after which the process ends that is not asked any more. */
const IDLE = 3000

/** Where the file is that is read, such as one that was unpacked, and what to do once it is open. */
export interface Hdf5Place {
  readonly path: string
  readonly opened?: () => Promise<void>
}

/** A file of which one array after the other may be read. */
export interface OpenHdf5 extends Hdf5Listing {
  /**
   * Reads an array's bytes: little-endian, row-major.
   * @throws DamagedFileError if it cannot be read
   */
  read(array: string): Promise<Uint8Array>
}

/**
 * Lists all arrays of floats of a file, and the attributes of its groups that are strings. Arrays of other dtypes are
 * skipped.
 *
 * In a process of its own: the HDF5 library is synchronous, and a damaged file may make it abort, after which it
 * reads nothing more and keeps the file open. The process ends 3 s after the last request.
 *
 * @param path names the file in errors
 * @param place gives the file each time that a process opens it. Default: that of the path
 * @throws DamagedFileError for a file that is not HDF5, is cut short, whose links form a loop or lead to other files
 * @throws DiskError if it is missing or cannot be read
 * @throws Error if h5wasm is missing
 */
export async function openHdf5(
  path: string,
  place: () => Promise<Hdf5Place> = async () => ({ path })
): Promise<OpenHdf5> {
  await stat(path).catch((error: unknown) => {
    throw diskError('hdf5', 'read', path, error)
  })
  const reader = new Hdf5Process(place)
  const { arrays, attributes } = expect(path, await reader.ask({}), 'arrays')
  const read = async (array: string) => {
    const { bytes } = expect(path, await reader.ask({ read: array }), 'bytes')
    // A message has them at any place, which floats may not begin at.
    return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  }
  return { arrays, attributes, read }
}

/**
 * Reads all arrays of floats of a file, as f32, and the attributes of its groups that are strings.
 * @throws as `openHdf5`
 */
export async function readHdf5(path: string): Promise<Hdf5File> {
  const { arrays, attributes, read } = await openHdf5(path)
  const all = new Map<string, Hdf5Array>()
  for (const [name, { shape, dtype }] of arrays) {
    all.set(name, { shape, data: toFloats(dtype, await read(name)) })
  }
  return { arrays: all, attributes }
}

type Answers = { arrays: Hdf5Listing; bytes: { readonly bytes: Uint8Array } }

function expect<Kind extends keyof Answers>(
  path: string,
  answer: Hdf5Answer,
  kind: Kind
): Answers[Kind] {
  const isWanted = (given: Hdf5Answer): given is Hdf5Answer & Answers[Kind] => kind in given
  if (isWanted(answer)) return answer
  if ('missing' in answer) throw new Error(answer.missing)
  const why = 'damaged' in answer ? answer.damaged : 'expected HDF5, got another answer'
  throw new DamagedFileError(`[hdf5] ${path}: ${why}; is it a file of weights?`)
}

/** What is compiled in place of a source that is not younger: tsx alone takes seconds to read h5wasm. */
async function compiled(source: string): Promise<string> {
  if (!source.endsWith('.ts')) return source
  const built = source.replace(/[/\\]lib[/\\](?=util)/, '/dist/lib/').replace(/ts$/, 'js')
  const [own, other] = await Promise.all([source, built].map((path) => stat(path).catch(() => {})))
  return own && other && other.mtimeMs >= own.mtimeMs ? built : source
}

class Hdf5Process {
  readonly #place: () => Promise<Hdf5Place>
  #opened: Hdf5Place['opened']
  #child: ChildProcess | undefined
  #idle: NodeJS.Timeout | undefined
  /** One request at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(place: () => Promise<Hdf5Place>) {
    this.#place = place
  }

  ask(request: Hdf5Request): Promise<Hdf5Answer> {
    const answer = this.#last.then(() => this.#send(request))
    this.#last = answer.catch(() => {})
    return answer
  }

  async #start(): Promise<ChildProcess> {
    const { path, opened } = await this.#place()
    this.#opened = opened
    // No `new URL`: webpack would bundle that file as a script.
    const here = fileURLToPath(import.meta.url)
    const program = await compiled(join(dirname(here), `hdf5-reader${extname(here)}`))
    // h5wasm opens the real path, and that process opens no other. It needs none of Node's options of this process
    // but the loader of TypeScript, where it runs from sources.
    return fork(program, [await realpath(path)], {
      execArgv: program.endsWith('.ts') ? ['--import', 'tsx'] : [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc']
    })
  }

  async #send(request: Hdf5Request): Promise<Hdf5Answer> {
    clearTimeout(this.#idle)
    this.#child ??= await this.#start()
    const child = this.#child
    child.ref()
    child.channel?.ref()
    const answer = await answerOf(child, request)
    await this.#opened?.()
    this.#opened = undefined
    if ('damaged' in answer || 'missing' in answer) this.#end()
    else {
      child.unref()
      child.channel?.unref()
      this.#idle = setTimeout(() => this.#end(), IDLE).unref()
    }
    return answer
  }

  #end(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

function answerOf(child: ChildProcess, request: Hdf5Request): Promise<Hdf5Answer> {
  const limit = LIMITS[request.read === undefined ? 'list' : 'read']
  const { promise, resolve } = withResolver<Hdf5Answer>()
  const fail = (why: string) => resolve({ damaged: `expected HDF5, got a damaged file (${why})` })
  const onMessage = (answer: Hdf5Answer) => resolve(answer)
  const onError = (error: Error) => fail(cut(error.message))
  const onExit = (code: number | null, signal: string | null) =>
    fail(`its reader ended with ${signal ?? code}`)
  const timer = setTimeout(() => fail(`its reader took more than ${limit / 1000} s`), limit)
  child.once('message', onMessage).once('error', onError).once('exit', onExit)
  child.send(request, (error) => {
    if (error) fail(cut(error.message))
  })
  return promise.finally(() => {
    clearTimeout(timer)
    child.off('message', onMessage).off('error', onError).off('exit', onExit)
  })
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
