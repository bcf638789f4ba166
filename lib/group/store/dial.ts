/** Finds rank 0: connects, and tells its store from what else may listen there. */
import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../../util/files/errors.ts'
import { GroupError } from '../errors.ts'
import { addressOf, type Identity } from '../identity.ts'
import { portsOf } from './ports.ts'
import {
  answer,
  believe,
  FAMILY,
  GREETING_BYTES,
  isGreeting,
  type Keys,
  VERDICT_BYTES
} from './proof.ts'
import { readExactly } from './wire.ts'

/** Longest times in ms for a connection, for a greeting where others may listen, and for what follows. */
const CONNECT_MS = 5000
const GREETING_MS = 1000
const VERDICT_MS = 5000
/** Time in ms between two rounds. */
const PAUSE_MS = 100

/** What was met at an address, in words: 'connection refused'. */
class Unmet extends Error {}

/**
 * Connects to rank 0, again and again until the time is over.
 *
 * @param end when the time is over, by `performance.now()`
 * @throws GroupError that says what was met instead
 */
export async function dial(
  identity: Identity,
  keys: Keys,
  { end, timeout }: { readonly end: number; readonly timeout: number }
): Promise<Socket> {
  const { rank, size, host } = identity
  let met = 'nothing'
  do {
    try {
      for (const { address } of await lookup(host, { all: true })) {
        for (const port of portsOf(identity)) {
          if (performance.now() > end) break
          const found = await attempt(address, port, keys, identity)
          if (typeof found !== 'string') return found
          // Of many ports most are nobody's.
          if (met === 'nothing' || found !== REFUSED) met = found
        }
      }
    } catch (error) {
      if (error instanceof GroupError) throw error
      met = errnoOf(error) === 'ENOTFOUND' ? `no machine of the name ${host}` : textOf(error)
    }
    await sleep(Math.max(0, Math.min(PAUSE_MS, end - performance.now())))
  } while (performance.now() < end)
  throw new GroupError(
    `[group] rank ${rank} of ${size}: expected rank 0 at ${addressOf(identity)} within ${timeout} s, got ${met}: ` +
      'look whether rank 0 runs, and whether MASTER_ADDR and MASTER_PORT are the same on all ranks'
  )
}

/** Connects once, to a port where rank 0 of the same run may be. */
export async function dialOnce(identity: Identity, keys: Keys): Promise<Socket | undefined> {
  for (const { address } of await lookup(identity.listen ?? identity.host, { all: true })) {
    for (const port of portsOf(identity)) {
      const found = await attempt(address, port, keys, identity)
      if (typeof found !== 'string') return found
    }
  }
  return undefined
}

const REFUSED = 'connection refused'

/**
 * @returns the connection, or what was met instead
 * @throws GroupError for what will not change
 */
async function attempt(
  address: string,
  port: number,
  keys: Keys,
  { rank, secret, agent }: Identity
): Promise<Socket | string> {
  const socket = connect({ host: address, port })
  try {
    await connected(socket)
    const hello = await readExactly(socket, GREETING_BYTES, agent ? GREETING_MS : CONNECT_MS)
    if (!isGreeting(hello)) {
      if (!hello.toString('latin1').startsWith(FAMILY)) throw new Unmet('another program there')
      throw new GroupError(
        `[group] rank ${rank}: expected the same alexnode on all ranks, got another version on rank 0`
      )
    }
    const own = answer(keys, hello)
    socket.write(own)
    const said = await readExactly(socket, VERDICT_BYTES, VERDICT_MS)
    const verdict = believe(keys, hello, own, said)
    if (verdict === 'welcome') return socket
    if (verdict !== 'another secret') throw new Unmet('the store of another run')
    const given = secret === undefined ? 'none' : 'another'
    throw new GroupError(
      `[group] rank ${rank}: expected the secret that rank 0 has, got ${given}: set the same ALEXNODE_GROUP_SECRET ` +
        'on all machines'
    )
  } catch (error) {
    socket.destroy()
    if (error instanceof GroupError) throw error
    if (errnoOf(error) === 'ECONNREFUSED') return REFUSED
    return error instanceof Unmet
      ? error.message
      : `another program there, or none: ${textOf(error)}`
  }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), CONNECT_MS)
    socket.once('error', reject)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', reject)
      // Until a link listens, what ends the connection is seen by what reads from it.
      socket.on('error', () => {})
      resolve()
    })
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
