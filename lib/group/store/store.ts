/** A small key-value store that rank 0 serves: processes find each other by it, compare what they mean to do, and hear who is gone. */
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import {
  anyText,
  dictionary,
  maybe,
  number,
  type Rule,
  record,
  text,
  typed
} from '../../util/check/rules.ts'
import { GroupError, RankGoneError } from '../errors.ts'
import { type Identity, identityRule } from '../identity.ts'
import { differences } from './facts.ts'
import { type Frame, MOST_BODY } from './frames.ts'
import { type Joined, join } from './join.ts'
import { type Facts, replyOf } from './messages.ts'
import { Waits } from './waits.ts'

/** How long a call waits for other ranks. */
export interface WaitOptions {
  /** Seconds. Default: `timeout` of `joinStore`. */
  readonly timeout?: number
}

/** Options of `joinStore`. */
export interface JoinStoreOptions {
  /** Who this process is, as `identityOf` tells. */
  readonly identity: Identity
  /**
   * Seconds, up to a day, in which all ranks have to come; also the default for each wait, and the time in which a rank
   * that hangs, or whose network is cut, is noticed. Default 60.
   */
  readonly timeout?: number
  /** Facts that must be equal on all ranks, such as versions, by name. Default: none. */
  readonly hello?: Facts
}

/** A store that all ranks of a group share. Values are bytes, up to 16 MiB each. */
export interface Store {
  /** The number of this process. */
  readonly rank: number
  /** Number of processes. */
  readonly size: number
  /** Names of the machines, by rank. */
  readonly hosts: readonly string[]
  /**
   * Aborted when another rank is gone: its connection closed, it has been silent for too long, or it says that it
   * failed. The reason is a RankGoneError. From then on each call, and each wait, rejects with it.
   */
  readonly gone: AbortSignal
  /** Sets a value, for all ranks. */
  set(key: string, value: Uint8Array): Promise<void>
  /**
   * Gets a value; waits until a rank sets it.
   * @throws GroupError when the time is over; for a key of the form `name/rank` it names the ranks that set none
   */
  get(key: string, options?: WaitOptions): Promise<Uint8Array>
  /**
   * Gives bytes to all ranks, up to 16 MiB of all ranks together, and gets those of all, by rank. The ranks must call it
   * with the same name.
   * @throws GroupError when the time is over; it names the ranks that did not take part
   */
  exchange(name: string, value: Uint8Array, options?: WaitOptions): Promise<Uint8Array[]>
  /**
   * Compares facts with all ranks.
   * @throws GroupError on all ranks where they differ; it says what differs, on which rank and machine
   */
  same(name: string, facts: Facts, options?: WaitOptions): Promise<void>
  /** Tells all others why this rank ends, and closes the store. */
  fail(reason: string): Promise<void>
  /** Leaves the store, which is no failure. On rank 0 the store ends. */
  close(): Promise<void>
}

/** Seconds in a day. */
const DAY = 86_400
const seconds = number({ above: 0, to: DAY })
const USUAL_TIMEOUT = 60
const MOST_KEY = 1024

const factsRule = dictionary(anyText)
const bytes: Rule = typed('Uint8Array')
const joinRule = record<JoinStoreOptions>({
  identity: identityRule,
  timeout: maybe(seconds),
  hello: maybe(factsRule)
})
const waitRule = record<WaitOptions>({ timeout: maybe(seconds) })

/**
 * Meets the other ranks of a group in a store that rank 0 serves on MASTER_PORT. It listens on the address of
 * MASTER_ADDR alone, and lets in who proves, by HMAC-SHA-256, that it knows the secret of the group. Without a secret
 * the name of the run takes its place, which keeps runs apart, but nobody out. Nothing is encrypted.
 *
 * @throws GroupError on all ranks if one does not come in time, if two have the same number, or if sizes, secrets or
 * facts differ; it names ranks, machines, and what differs
 *
 * @example
 * const identity = identityOf()
 * if (!identity) throw new Error('start me by alexnode launch')
 * const store = await joinStore({ identity, hello: { version } })
 * try {
 *   await store.same('options', { batch: '128' })
 * } finally {
 *   await store.close()
 * }
 */
export async function joinStore(options: JoinStoreOptions): Promise<Store> {
  checkOptions('group', options, joinRule)
  const { identity, timeout = USUAL_TIMEOUT, hello = {} } = options
  return new GroupStore(await join(identity, timeout, hello), identity, timeout)
}

class GroupStore implements Store {
  readonly rank: number
  readonly size: number
  readonly hosts: readonly string[]
  readonly #joined: Joined
  readonly #timeout: number
  readonly #waits: Waits
  readonly #gone = new AbortController()
  #closing: Promise<void> | undefined
  /** Why no call is taken any more. */
  #over: Error | undefined

  constructor(joined: Joined, { rank, size }: Identity, timeout: number) {
    this.rank = rank
    this.size = size
    this.hosts = joined.hosts
    this.#joined = joined
    this.#timeout = timeout
    const { link } = joined
    this.#waits = new Waits((held) => link.hold(held))
    link.hold(false)
    link.listen({
      onFrame: (frame) => this.#hear(frame),
      onEnd: (reason) => this.#lose(0, this.hosts[0] ?? '', reason)
    })
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  #hear({ head, body }: Frame): void {
    const reply = replyOf(head)
    if (reply?.t === 'done') this.#waits.settle(reply.id, [body])
    else if (reply?.t === 'parts') this.#waits.settle(reply.id, parts(body, reply.sizes))
    else if (reply?.t === 'error') this.#waits.refuse(reply.id, reply.reason)
    else if (reply?.t === 'gone') this.#lose(reply.rank, reply.host, reply.reason)
    else if (reply?.t === 'left') this.#see(reply.rank)
    else this.#lose(0, this.hosts[0] ?? '', 'sent what is no message')
  }

  #see(rank: number): void {
    // The store ends with rank 0.
    if (rank === 0) this.#end(new GroupError('[group] rank 0 closed the store'))
  }

  #lose(rank: number, host: string, reason: string): void {
    if (this.#over) return
    const error = new RankGoneError(rank, host, reason)
    this.#end(error)
    this.#gone.abort(error)
  }

  /** Takes no more calls. */
  #end(error: Error): void {
    this.#over ??= error
    this.#waits.end(this.#over)
  }

  /** Asks the hub. */
  async #ask(
    what: string,
    head: { readonly t: string; readonly key: string; readonly seconds?: number },
    body?: Uint8Array
  ): Promise<readonly Uint8Array[]> {
    if (this.#over) throw this.#over
    const { id, answer } = this.#waits.begin(what, head.seconds ?? this.#timeout)
    this.#joined.link.send({ ...head, id }, body)
    return await answer
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    checkArguments('group', { key: [key, text], value: [value, bytes] })
    checkSize('key', key.length, MOST_KEY, 'characters')
    checkSize('value', value.length, MOST_BODY, 'bytes')
    await this.#ask(`set('${key}')`, { t: 'set', key }, value)
  }

  async get(key: string, options: WaitOptions = {}): Promise<Uint8Array> {
    checkArguments('group', { key: [key, text], options: [options, waitRule] })
    checkSize('key', key.length, MOST_KEY, 'characters')
    const { timeout = this.#timeout } = options
    const [value] = await this.#ask(`get('${key}')`, { t: 'get', key, seconds: timeout })
    return value ?? new Uint8Array(0)
  }

  async exchange(
    name: string,
    value: Uint8Array,
    options: WaitOptions = {}
  ): Promise<Uint8Array[]> {
    checkArguments('group', {
      name: [name, text],
      value: [value, bytes],
      options: [options, waitRule]
    })
    checkSize('name', name.length, MOST_KEY, 'characters')
    checkSize('value', value.length, Math.floor(MOST_BODY / this.size), 'bytes')
    const { timeout = this.#timeout } = options
    const head = { t: 'gather', key: name, seconds: timeout }
    return [...(await this.#ask(`exchange('${name}')`, head, value))]
  }

  async same(name: string, facts: Facts, options: WaitOptions = {}): Promise<void> {
    checkArguments('group', {
      name: [name, text],
      facts: [facts, factsRule],
      options: [options, waitRule]
    })
    const all = await this.exchange(`${name} (same)`, Buffer.from(JSON.stringify(facts)), options)
    const told = all.map((one) => factsOf(one))
    const differs = differences(told, this.hosts)
    if (differs.length === 0) return
    throw new GroupError(`[group] ${name}: expected the same on all ranks: ${differs.join('; ')}`)
  }

  async fail(reason: string): Promise<void> {
    checkArguments('group', { reason: [reason, anyText] })
    if (!this.#over) this.#joined.link.send({ t: 'fail', reason: reason.slice(0, MOST_KEY) })
    await this.#leave()
  }

  async close(): Promise<void> {
    if (!this.#over) this.#joined.link.send({ t: 'bye' })
    await this.#leave()
  }

  #leave(): Promise<void> {
    this.#end(new GroupError('[group] expected an open store, got a closed one'))
    this.#closing ??= this.#joined.close()
    return this.#closing
  }
}

function checkSize(name: string, got: number, most: number, unit: string): void {
  if (got <= most) return
  throw new RangeError(`[group] ${name}: expected at most ${most} ${unit}, got ${got}`)
}

function parts(body: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  let start = 0
  return sizes.map((size) => {
    start += size
    return body.slice(start - size, start)
  })
}

/** The facts that a rank sent. */
function factsOf(bytes: Uint8Array): Facts {
  const isFacts = (value: unknown): value is Facts => factsRule.fault(value) === undefined
  const value: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (!isFacts(value)) throw new GroupError('[group] expected facts, got another value')
  return value
}
