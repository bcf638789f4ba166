/** How a process joins a store: rank 0 makes it, the others find it. */
import { hostname } from 'node:os'
import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises'
import { GroupError } from '../errors.ts'
import { addressOf, type Identity } from '../identity.ts'
import { isLoopback } from '../launchers/loopback.ts'
import { dial, dialOnce } from './dial.ts'
import { Hub } from './hub.ts'
import { type Link, localLinks, SocketLink } from './link.ts'
import { type Facts, replyOf } from './messages.ts'
import { Keys } from './proof.ts'
import { InUseError, type Serving, serve } from './serve.ts'

/** A rank that met all others. */
export interface Joined {
  readonly link: Link
  /** Names of the machines, by rank. */
  readonly hosts: readonly string[]
  close(): Promise<void>
}

/** Seconds by which rank 0 may have begun to wait later. */
const SPARE = 5

/** @throws GroupError that says why the ranks did not meet */
export function join(identity: Identity, timeout: number, facts: Facts): Promise<Joined> {
  return identity.rank === 0 ? lead(identity, timeout, facts) : follow(identity, timeout, facts)
}

async function lead(identity: Identity, timeout: number, facts: Facts): Promise<Joined> {
  const { size } = identity
  const keys = new Keys(identity)
  const [own, other] = localLinks()
  let serving: Serving | undefined
  const hub = new Hub({
    size,
    timeout,
    address: addressOf(identity),
    hint: () => hintOf(identity, serving?.turnedAway ?? []),
    onSettled: () => serving?.close()
  })
  try {
    // One process alone needs no others to find it.
    if (size > 1) {
      serving = await serve(identity, keys, (socket) => hub.admit(new SocketLink(socket, timeout)))
    }
    hub.admit(other)
    const hosts = await meet(own, identity, facts, timeout)
    const close = async () => {
      // What rank 0 said last is heard first.
      await soon()
      await hub.close()
    }
    return { link: own, hosts, close }
  } catch (error) {
    await hub.close()
    serving?.close()
    if (error instanceof InUseError) await compare(identity, keys, facts, error)
    throw error
  }
}

/** More about why ranks may not have come. */
function hintOf({ host, size, localSize }: Identity, turnedAway: readonly string[]): string {
  const [last] = turnedAway
  const met = last === undefined ? '' : `; ${last}`
  const closed =
    isLoopback(host) && localSize < size
      ? `; ${host} is reached by processes of this machine alone: set MASTER_ADDR to an address in the network`
      : ''
  return `${met}${closed}`
}

/** If the port is in use by rank 0 of the same run, both hear that they are two. */
async function compare(
  identity: Identity,
  keys: Keys,
  facts: Facts,
  inUse: InUseError
): Promise<void> {
  const socket = await dialOnce(identity, keys).catch(() => undefined)
  if (!socket) return
  const link = new SocketLink(socket, SPARE)
  const told = await meet(link, identity, facts, SPARE).catch((error: unknown) => error)
  link.cut()
  if (told instanceof Refused) throw new GroupError(told.message, { cause: inUse })
}

async function follow(identity: Identity, timeout: number, facts: Facts): Promise<Joined> {
  const keys = new Keys(identity)
  const end = performance.now() + timeout * 1000
  for (;;) {
    const socket = await dial(identity, keys, { end, timeout })
    const link = new SocketLink(socket, timeout)
    try {
      const hosts = await meet(link, identity, facts, timeout + SPARE)
      return { link, hosts, close: () => link.close() }
    } catch (error) {
      link.cut()
      if (!(error instanceof Lost) || performance.now() > end) throw error
      // Rank 0 ended before all had come; another may be started in its place.
      await sleep(100)
    }
  }
}

/** Rank 0 said why the ranks do not become a group. */
class Refused extends GroupError {}
/** The connection ended before all had come. */
class Lost extends GroupError {}

/** Says who this is, and waits until all are here. */
function meet(
  link: Link,
  { rank, size }: Identity,
  facts: Facts,
  seconds: number
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
    }
    const where = `[group] rank ${rank} of ${size}: expected all ranks`
    const late = () => fail(new GroupError(`${where} within ${seconds} s, got no answer of rank 0`))
    // The hub has a time limit of its own, and knows more.
    const timer = setTimeout(late, (seconds + SPARE) * 1000)
    link.listen({
      onFrame({ head }) {
        const reply = replyOf(head)
        if (reply?.t === 'ready' && reply.hosts.length === size) {
          clearTimeout(timer)
          link.pause()
          resolve(reply.hosts)
        } else if (reply?.t === 'refused') fail(new Refused(`[group] ${reply.reason}`))
        else fail(new GroupError(`${where}, got what is no message from rank 0`))
      },
      onEnd: (reason) => fail(new Lost(`${where}, got rank 0 gone, which ${reason}`))
    })
    link.send({ t: 'join', rank, size, host: hostname(), facts })
  })
}
