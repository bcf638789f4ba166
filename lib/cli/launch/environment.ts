/** What each process is told of the group, by its environment. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import type { LaunchArguments, Rendezvous } from './arguments.ts'

const LOOPBACK = '127.0.0.1'

/** What stays the same in all attempts. */
export interface Group {
  readonly runId: string
  /** Undefined for several machines without one in the environment. */
  readonly secret: string | undefined
  readonly threads: number
}

export function groupOf({ nnodes, nproc, rendezvous }: LaunchArguments): Group {
  const { ALEXNODE_RUN_ID, ALEXNODE_GROUP_SECRET, ALEXNODE_THREADS } = process.env
  const random = () => randomBytes(16).toString('hex')
  const common = rendezvous ? `${rendezvous.host}:${rendezvous.port}` : ''
  return {
    runId: ALEXNODE_RUN_ID || (nnodes > 1 ? common : random()),
    secret: ALEXNODE_GROUP_SECRET || (nnodes > 1 ? undefined : random()),
    // A variable that is damaged is found by who reads it.
    threads: Number(ALEXNODE_THREADS) || Math.max(1, Math.floor(availableParallelism() / nproc))
  }
}

/** Where rank 0 listens: as given, or on a port of this machine that is free. */
export async function meetingPlace(given: Rendezvous | undefined): Promise<Rendezvous> {
  if (given) return given
  const server = createServer().listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('expected a port, got none')
  return { host: LOOPBACK, port: address.port }
}

/** The environment of the process `localRank` of this machine. */
export function environmentOf(
  { nproc, nnodes, nodeRank }: LaunchArguments,
  { runId, secret, threads }: Group,
  { host, port }: Rendezvous,
  { localRank, restarts }: { readonly localRank: number; readonly restarts: number }
): NodeJS.ProcessEnv {
  // Of an agent around this launcher.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('TORCHELASTIC_'))
  return {
    ALEXNODE_THREADS: String(threads),
    ...Object.fromEntries(own),
    RANK: String(nodeRank * nproc + localRank),
    WORLD_SIZE: String(nnodes * nproc),
    LOCAL_RANK: String(localRank),
    LOCAL_WORLD_SIZE: String(nproc),
    MASTER_ADDR: host,
    MASTER_PORT: String(port),
    ALEXNODE_RUN_ID: runId,
    ALEXNODE_RESTARTS: String(restarts),
    ...(secret !== undefined && { ALEXNODE_GROUP_SECRET: secret })
  }
}
