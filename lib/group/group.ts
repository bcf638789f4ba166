/** A group of processes that train one net together. */

import type { Device } from '../engine/device.ts'
import { version } from '../native/version.ts'
import { checkOptions } from '../util/check/check.ts'
import { maybe, number, record } from '../util/check/rules.ts'
import { Communicators } from './communicators.ts'
import { GroupError, RankGoneError } from './errors.ts'
import { type Identity, identityOf, identityRule } from './identity.ts'
import { Mesh } from './mesh.ts'
import { ownAddress } from './own-address.ts'
import type { Facts } from './store/messages.ts'
import { joinStore, type Store } from './store/store.ts'

/** Options of `joinGroup`. */
export interface JoinGroupOptions {
  /**
   * Seconds in which all ranks have to come, and in which a collective has to end: so long may the slowest rank be behind.
   * Default 60.
   */
  readonly timeout?: number
  /** Who this process is. Default: as `identityOf()` tells by the environment. */
  readonly identity?: Identity
}

const rule = record<JoinGroupOptions>({
  timeout: maybe(number({ above: 0, to: 86_400 })),
  identity: maybe(identityRule)
})

/** How long an error waits to hear which rank is gone, in milliseconds. */
const HEARS = 2000
/** Tags that a build of a net may use. */
const TAGS = 4096

/**
 * Joins the processes that were started together, by `alexnode launch`, torchrun, srun or mpirun. Where the environment
 * names none, this process is a group of its own. Close the group after the nets that use it.
 *
 * Nets on CPUs are summed by Gloo, those on GPUs by NCCL; what is lacking is told when a net is built.
 *
 * @throws GroupError on all ranks if one does not come in time, or they do not fit together: it names what differs
 *
 * @example
 * await using group = await joinGroup()
 * await using device = await open('cpu')
 * await using net = await alexnet().build(device, { batch: 256, group })
 * for await (const { loss } of train(net, data.train, { lr: 0.01 })) if (group.rank === 0) console.log(loss)
 */
export async function joinGroup(options: JoinGroupOptions = {}): Promise<Group> {
  checkOptions('group', options, rule)
  const { timeout = 60, identity = identityOf() } = options
  if (!identity || identity.size === 1) return new Group(identity, timeout)
  const store = await joinStore({ identity, timeout, hello: { 'version of alexnode': version } })
  try {
    const { rank, size } = identity
    const host = await ownAddress(identity.host, identity.port)
    const exchange = (name: string, bytes: Uint8Array) => store.exchange(name, bytes)
    // Groups of GPUs alone do without Gloo.
    const lacks = (await exchange('gloo', Buffer.from(Mesh.lack()))).map((bytes, of) =>
      bytes.length > 0 ? `${Buffer.from(bytes).toString()} (rank ${of} on ${store.hosts[of]})` : ''
    )
    const lack = lacks.find((one) => one !== '')
    const mesh =
      lack === undefined ? await Mesh.connect({ rank, size, host, timeout, exchange }) : lack
    return new Group(identity, timeout, store, mesh)
  } catch (error) {
    await store.fail(error instanceof Error ? error.message : String(error))
    throw error
  }
}

/** The processes that train one net together. Made by `joinGroup`. */
export class Group {
  /** The number of this process, from 0. */
  readonly rank: number
  /** Number of processes. */
  readonly size: number
  readonly #store: Store | undefined
  /** Between CPUs, or why there is none. */
  readonly #mesh: Mesh | string | undefined
  /** Between GPUs. */
  readonly #communicators: Communicators
  #calls = 0
  #tags = 0

  /** @internal Use `joinGroup`. */
  constructor(
    identity: Identity | undefined,
    timeout: number,
    store?: Store,
    mesh?: Mesh | string
  ) {
    this.rank = identity?.rank ?? 0
    this.size = identity?.size ?? 1
    this.#store = store
    this.#mesh = mesh
    const { rank, size, hosts } = this
    const joining = (what: string) => this.joining(what)
    this.#communicators = new Communicators({ rank, size, hosts, timeout, joining })
    // A rank may be gone already.
    if (store?.gone.aborted) this.#abort()
    store?.gone.addEventListener('abort', () => this.#abort())
  }

  #abort(): void {
    if (this.#mesh instanceof Mesh) this.#mesh.abort()
    this.#communicators.abort()
  }

  /** Names of the machines, by rank. */
  get hosts(): readonly string[] {
    return this.#store?.hosts ?? []
  }

  /** @internal What ops on CPUs call it. */
  get number(): number {
    if (this.#mesh instanceof Mesh) return this.#mesh.number
    throw new GroupError(this.#mesh ?? '[group] expected several processes, got one')
  }

  /**
   * @internal Connects devices with those that the other ranks bring in the same places.
   * @returns what ops call the group there, by device
   * @throws GroupError where they cannot be connected; it says what is lacking
   */
  async connect(devices: readonly Device[]): Promise<readonly number[]> {
    if (!this.#store) throw new GroupError('[group] expected several processes, got one')
    const numbers: number[] = []
    // One after the other: all ranks bring them in the same order.
    for (const device of devices) {
      if (device.kind === 'cuda') numbers.push(await this.#communicators.connect(device))
      else numbers.push(this.number)
    }
    return numbers
  }

  /** @internal The first of `TAGS` tags for the collectives of a net. Nets are built in the same order on all ranks. */
  claimTags(): number {
    const first = this.#tags
    this.#tags += TAGS
    return first
  }

  /**
   * @internal A call that gives bytes to all ranks, and gets those of all. All ranks claim the same calls in the same
   * order; when they make them does not matter.
   * @param what for people
   * @param timeout seconds to wait for the others. Default: the group's
   */
  joining(what: string, timeout?: number): (bytes: Uint8Array) => Promise<readonly Uint8Array[]> {
    const name = `${what} ${this.#calls++}`
    const options = timeout === undefined ? {} : { timeout }
    return async (bytes) =>
      this.#store ? await this.#store.exchange(name, bytes, options) : [bytes]
  }

  /** @internal As `joining`: a call that adds numbers over all ranks, in their order, so that all get the same bits. */
  summing(what: string): (numbers: readonly number[]) => Promise<readonly number[]> {
    const join = this.joining(what)
    return async (numbers) => {
      const own = Float64Array.from(numbers)
      const all = await join(new Uint8Array(own.buffer))
      const lists = all.map((bytes) => new Float64Array(bytes.slice().buffer))
      return numbers.map((_, i) => lists.reduce((sum, list) => sum + (list[i] ?? Number.NaN), 0))
    }
  }

  /** @internal What rank 0 says, as JSON. */
  async ofFirst<Value>(what: string, value: Value): Promise<Value> {
    if (!this.#store) return value
    const own = this.rank === 0 ? Buffer.from(JSON.stringify({ value })) : new Uint8Array(0)
    const [first = own] = await this.joining(what)(own)
    return (JSON.parse(Buffer.from(first).toString()) as { value: Value }).value
  }

  /** @internal @throws GroupError on all ranks where facts differ; it says which, and on which rank */
  async same(what: string, facts: Facts): Promise<void> {
    await this.#store?.same(`${what} ${this.#calls++}`, facts)
  }

  /** @internal The error that a collective ended with, and which rank is gone if one is. */
  async explain(error: unknown): Promise<unknown> {
    const store = this.#store
    if (!store || !(error instanceof Error) || !error.message.startsWith('[group]')) return error
    if (error instanceof RankGoneError) {
      // Of GPUs, what waited for it is told by none but them.
      const { failure } = this.#communicators
      return failure ? new GroupError(`${error.message} (${failure})`, { cause: error }) : error
    }
    if (!store.gone.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, HEARS)
        store.gone.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    const gone: unknown = store.gone.reason
    if (!(gone instanceof RankGoneError)) return error
    return new GroupError(`${gone.message} (${error.message})`, { cause: error })
  }

  /** @internal Tells the other ranks why this one ends, and closes the group. */
  async fail(reason: string): Promise<void> {
    this.#abort()
    await this.#leave()
    await this.#store?.fail(reason)
  }

  async #leave(): Promise<void> {
    if (this.#mesh instanceof Mesh) this.#mesh.close()
    await this.#communicators.close()
  }

  /** Leaves the group. Close the nets that use it before. */
  async close(): Promise<void> {
    const { failure } = this.#communicators
    await this.#leave()
    // The GPUs of others may be waiting for this one's.
    if (failure) await this.#store?.fail(failure)
    else await this.#store?.close()
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
