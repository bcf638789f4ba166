/** The connections by which the processes of a group sum and send tensors: Gloo's, over TCP. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findAddon } from '../native/addon/load.ts'
import { packageRoot } from '../native/addon/package-root.ts'
import { native, settled } from '../native/binding.ts'
import { GroupError } from './errors.ts'

/** What a mesh is made of. */
export interface MeshOptions {
  readonly rank: number
  readonly size: number
  /** The address of this machine to listen on. */
  readonly host: string
  /** Seconds that a collective may take. */
  readonly timeout: number
  /** Gives bytes to all ranks, and gets those of all. */
  readonly exchange: (name: string, bytes: Uint8Array) => Promise<readonly Uint8Array[]>
}

/** Bytes that an address takes where all are joined, its length first. */
const SLOT = 193

/** A process's connections to all others of its group. */
export class Mesh {
  readonly #handle: number
  /** What ops call it. */
  readonly number: number
  #closed = false

  private constructor(handle: number) {
    this.#handle = handle
    this.number = native.groupNumber(handle)
  }

  /** Why this machine cannot make one; empty: it can. */
  static lack(): string {
    const library = libraryFile()
    if (existsSync(library)) return ''
    return (
      `[group] expected ${library}, by which processes sum gradients on CPUs, got none: install Gloo ` +
      '(apt-get install libgloo-dev) and compile alexnode here (npx alexnode build)'
    )
  }

  /** @throws GroupError where this machine lacks libgloo, or a rank cannot be reached; it says what to do */
  static async connect({ rank, size, host, timeout, exchange }: MeshOptions): Promise<Mesh> {
    const mesh = new Mesh(openGroup(rank, size, host, Math.ceil(timeout * 1000)))
    try {
      const own = new Uint8Array(size * SLOT)
      for (let peer = 0; peer < size; peer++) {
        if (peer === rank) continue
        const address = native.groupAddress(mesh.#handle, peer)
        own[peer * SLOT] = address.length
        own.set(address, peer * SLOT + 1)
      }
      const all = await exchange('mesh', own)
      const addresses = all.map((bytes) => {
        const [length = 0] = bytes.subarray(rank * SLOT)
        return bytes.slice(rank * SLOT + 1, rank * SLOT + 1 + length)
      })
      await settled<void>((ticket) => native.connectGroup(mesh.#handle, ticket, addresses))
      // None may be closed before all are made: the others would take that for a lost rank.
      await exchange('mesh is connected', new Uint8Array(0))
      return mesh
    } catch (error) {
      mesh.close()
      throw error
    }
  }

  /** Ends all collectives that wait for other ranks, with an error. */
  abort(): void {
    if (!this.#closed) native.abortGroup(this.#handle)
  }

  /** Closes the connections. Ops that use them still hold them. */
  close(): void {
    if (this.#closed) return
    native.abortGroup(this.#handle)
    this.#closed = true
    native.closeGroup(this.#handle)
  }
}

const libraryFile = () => join(dirname(findAddon(packageRoot()).file), 'libalexnode_gloo.so')

function openGroup(rank: number, size: number, host: string, timeout: number): number {
  const lack = Mesh.lack()
  if (lack) throw new GroupError(lack)
  try {
    return native.openGroup(libraryFile(), rank, size, host, timeout)
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    const missing = /libgloo\.so/.test(words)
      ? ': install it (apt-get install libgloo0) and start again'
      : ''
    throw new GroupError(`${words}${missing}`, { cause })
  }
}
