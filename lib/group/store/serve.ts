/** Rank 0's server: it listens on one address, and lets in who knows the run and its secret. */
import { lookup } from 'node:dns/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../../util/files/errors.ts'
import { GroupError } from '../errors.ts'
import { type Identity, onOneMachine } from '../identity.ts'
import { isLoopback } from '../launchers/loopback.ts'
import { portsOf } from './ports.ts'
import { ANSWER_BYTES, greeting, judge, type Keys } from './proof.ts'
import { readExactly } from './wire.ts'

/** Time in ms that a newcomer has to prove itself. */
const PROOF_MS = 5000
/** Connections, besides one a rank, that may be unproved at a time. */
const STRANGERS = 64
/** Time in ms that a port is waited for which is in use, such as by the attempt before. */
const IN_USE_MS = 2000

export interface Serving {
  readonly server: Server
  readonly port: number
  /** What newcomers did wrong, the last one first. */
  readonly turnedAway: readonly string[]
  close(): void
}

/** The port, or all of them, are in use. */
export class InUseError extends GroupError {}

/**
 * Listens.
 * @param admit takes a connection that was proved
 * @throws InUseError, and GroupError for an address that is not this machine's
 */
export async function serve(
  identity: Identity,
  keys: Keys,
  admit: (socket: Socket) => void
): Promise<Serving> {
  const address = await addressToListen(identity)
  const strangers = new Set<Socket>()
  const turnedAway: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (strangers.size >= identity.size + STRANGERS) {
      socket.destroy()
      return
    }
    strangers.add(socket)
    void prove(socket, keys).then((reason) => {
      strangers.delete(socket)
      if (reason === undefined) admit(socket)
      else {
        turnedAway.unshift(`one from ${socket.remoteAddress ?? 'an unknown address'} ${reason}`)
        turnedAway.splice(3)
        socket.destroySoon()
      }
    })
  })
  const port = await listen(server, identity, address)
  return {
    server,
    port,
    turnedAway,
    close() {
      server.close()
      for (const socket of strangers) socket.destroy()
    }
  }
}

/** @returns why the newcomer is turned away, if it is */
async function prove(socket: Socket, keys: Keys): Promise<string | undefined> {
  try {
    const hello = greeting()
    socket.write(hello)
    const [verdict, bytes] = judge(keys, hello, await readExactly(socket, ANSWER_BYTES, PROOF_MS))
    socket.write(bytes)
    if (verdict === 'welcome') return undefined
    return verdict === 'no answer' ? 'spoke another protocol' : `belongs to ${verdict}`
  } catch {
    return 'did not prove that it belongs here'
  }
}

async function listen(server: Server, identity: Identity, address: string): Promise<number> {
  const ports = portsOf(identity)
  const end = performance.now() + IN_USE_MS
  for (;;) {
    for (const port of ports) if (await bind(server, identity, address, port)) return port
    if (performance.now() > end) break
    await sleep(100)
  }
  const first = ports[0] ?? identity.port
  const all = ports.length > 1 ? `ports ${first} to ${first + ports.length - 1}` : `port ${first}`
  throw new InUseError(
    `[group] expected a free port for rank 0 on ${address}, got ${all} in use, by another program or another ` +
      'process that was started as rank 0: end it, or set another MASTER_PORT for all ranks'
  )
}

/** @returns false if the port is in use */
async function bind(
  server: Server,
  { host, size }: Identity,
  address: string,
  port: number
): Promise<boolean> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: address, port, backlog: size + STRANGERS }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    return true
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EADDRINUSE') return false
    if (code === 'EADDRNOTAVAIL') {
      throw new GroupError(
        `[group] expected MASTER_ADDR to be an address of this machine, on which rank 0 runs, got ${host}, ` +
          `which is ${address}: start rank 0 there, or, where a service or a router stands before this ` +
          'machine, set ALEXNODE_LISTEN to the address to listen on, such as 0.0.0.0 for all',
        { cause: error }
      )
    }
    const text = error instanceof Error ? error.message : String(error)
    throw new GroupError(`[group] rank 0 cannot listen on ${address}, port ${port}: ${text}`, {
      cause: error
    })
  }
}

/** The one address that rank 0 listens on. */
async function addressToListen(identity: Identity): Promise<string> {
  const name = identity.listen ?? identity.host
  let found: readonly string[]
  try {
    found = (await lookup(name, { all: true })).map(({ address }) => address)
  } catch (error) {
    throw new GroupError(
      `[group] expected the address of rank 0, got ${name}, which this machine does not know: set MASTER_ADDR to ` +
        'an address, or enter the name in the DNS or in /etc/hosts',
      { cause: error }
    )
  }
  const [first = name] = found
  if (onOneMachine(identity) || identity.listen !== undefined) return first
  // Debian's /etc/hosts gives a machine's own name as 127.0.1.1.
  const open = found.find((address) => !isLoopback(address))
  if (open !== undefined) return open
  throw new GroupError(
    `[group] expected MASTER_ADDR to be an address that other machines reach, got ${name}, which is ${first} on ` +
      'this machine, as /etc/hosts may say: set MASTER_ADDR to its address in the network'
  )
}
