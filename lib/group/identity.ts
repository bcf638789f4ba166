/** Who this process is in a group of processes, by the environment that its launcher gave it. */
import { createHash } from 'node:crypto'
import { checkArguments } from '../util/check/check.ts'
import {
  dictionary,
  flag,
  maybe,
  oneOf,
  type Rule,
  record,
  rule,
  text,
  whole
} from '../util/check/rules.ts'
import { foreign } from '../util/foreign.ts'
import { isLoopback } from './launchers/loopback.ts'
import { isOpenMpi, isPmi, openMpiPlace, openMpiRun, pmiPlace } from './launchers/mpi.ts'
import { isTask, slurmHost, slurmPlace, slurmRun } from './launchers/slurm.ts'
import { isTorch, torchLauncher, torchPlace, torchRun } from './launchers/torch.ts'
import { maybeNumberOf, type Place, textOf, wrong } from './launchers/variables.ts'

/** A launcher, or another origin of the variables: 'environment' for RANK and WORLD_SIZE that anybody may set. */
export type Launcher = 'alexnode launch' | 'torchrun' | 'Slurm' | 'Open MPI' | 'PMI' | 'environment'

/** Who a process is in its group. */
export interface Identity {
  /** Its number, from 0. */
  readonly rank: number
  /** Number of processes in the group. */
  readonly size: number
  /** Its number among those of its machine. */
  readonly localRank: number
  /** Number of processes on its machine. */
  readonly localSize: number
  /** Name or address of the machine of rank 0, by which the others reach it. */
  readonly host: string
  /** TCP port on which rank 0 listens. */
  readonly port: number
  /** True if an agent listens on `port`: rank 0 then takes the next port that is free. */
  readonly agent: boolean
  /** Who started it. */
  readonly launcher: Launcher
  /** A name of the run that all its processes have. */
  readonly runId: string
  /** Keeps others out of the group. */
  readonly secret?: string
  /** How often the launcher has started the group again. */
  readonly restarts: number
  /** The address on which rank 0 listens. Default: that of `host`. */
  readonly listen?: string
}

const variable = rule('a text', (value) => value === undefined || typeof value === 'string')

export const identityRule: Rule = record<Identity>(
  {
    rank: whole({ from: 0 }),
    size: whole({ from: 1 }),
    localRank: whole({ from: 0 }),
    localSize: whole({ from: 1 }),
    host: text,
    port: whole({ from: 1, to: 65_535 }),
    agent: flag,
    launcher: oneOf('alexnode launch', 'torchrun', 'Slurm', 'Open MPI', 'PMI', 'environment'),
    runId: text,
    secret: maybe(text),
    restarts: whole({ from: 0 }),
    listen: maybe(text)
  },
  {
    also({ rank, size, localRank, localSize }) {
      const below = (path: string, least: string, got: number) => {
        return { path, expected: `a number below ${least}`, got: String(got) }
      }
      if (rank >= size) return below('rank', `size, which is ${size}`, rank)
      if (localRank >= localSize) return below('localRank', `localSize, ${localSize}`, localRank)
      return undefined
    }
  }
)

/** PyTorch's usual port. */
const USUAL_PORT = 29_500
/** Ports that are derived from the name of a run: below those that systems give out. */
const FIRST_DERIVED = 15_000
const DERIVED = 15_000

interface Family {
  readonly launcher: Launcher
  readonly place: Place
  /** Of rank 0, where MASTER_ADDR does not say it. */
  readonly host?: string | undefined
  /** A name of the run, where ALEXNODE_RUN_ID does not say it. */
  readonly runId?: string | undefined
}

/** The nearest launcher comes first: under Slurm, `mpirun` runs in a task of `srun`, and torchrun may do so in both. */
function familyOf(env: NodeJS.ProcessEnv): Family | undefined {
  if (isTorch(env)) {
    return { launcher: torchLauncher(env), place: torchPlace(env), runId: torchRun(env) }
  }
  if (isOpenMpi(env))
    return { launcher: 'Open MPI', place: openMpiPlace(env), runId: openMpiRun(env) }
  if (isPmi(env)) {
    const slurm = isTask(env) ? { host: slurmHost(env), runId: slurmRun(env) } : {}
    return { launcher: 'PMI', place: pmiPlace(env), ...slurm }
  }
  if (!isTask(env)) return undefined
  return { launcher: 'Slurm', place: slurmPlace(env), host: slurmHost(env), runId: slurmRun(env) }
}

/**
 * Reads who this process is in a group of processes. These variables are looked for in this order, and the first
 * family that is there counts:
 *
 * 1. RANK and WORLD_SIZE, also LOCAL_RANK and LOCAL_WORLD_SIZE: `alexnode launch`, torchrun, Kubeflow's PyTorchJob;
 * 2. OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE: `mpirun` of Open MPI;
 * 3. PMI_RANK and PMI_SIZE: `mpirun` of MPICH and others;
 * 4. SLURM_PROCID and SLURM_NTASKS, in a step of `srun`.
 *
 * MASTER_ADDR and MASTER_PORT say in all families where rank 0 listens. Without them it is the first machine of
 * Slurm's list, or this machine if all processes run on it; the port then follows from the name of the run.
 *
 * @param env variables. Default: `process.env`
 * @returns undefined for a process that no launcher started
 * @throws GroupError for variables that are damaged or contradict each other; it names the variable
 *
 * @example
 * const identity = identityOf()
 * if (identity) console.log(describeIdentity(identity))
 */
export function identityOf(env: Readonly<NodeJS.ProcessEnv> = process.env): Identity | undefined {
  checkArguments('group', { env: [env, dictionary(variable)] })
  const family = familyOf(env)
  if (family === undefined) return undefined
  const { launcher, place } = family
  const host = hostOf(env, family)
  const named = textOf(env, 'ALEXNODE_RUN_ID') ?? family.runId
  const port = portOf(env, family, named)
  const secret = textOf(env, 'ALEXNODE_GROUP_SECRET')
  const listen = textOf(env, 'ALEXNODE_LISTEN')
  return {
    ...place,
    host,
    port,
    agent: /^(?:true|1)$/i.test(textOf(env, 'TORCHELASTIC_USE_AGENT_STORE') ?? ''),
    launcher,
    // Not of the address: a service may give rank 0 another name for itself.
    runId: named ?? `port-${port}`,
    ...(secret !== undefined && { secret }),
    restarts: restartsOf(env),
    ...(listen !== undefined && { listen })
  }
}

function hostOf(env: NodeJS.ProcessEnv, { place, host }: Family): string {
  const { size, localSize } = place
  const given = textOf(env, 'MASTER_ADDR')
  if (given !== undefined) {
    if (/^[\w.:%-]{1,253}$/.test(given)) return given
    throw wrong('MASTER_ADDR', 'a name or an address of the machine of rank 0', given)
  }
  // All on one machine: others need not reach it.
  if (localSize === size) return '127.0.0.1'
  if (host !== undefined) return host
  throw wrong('MASTER_ADDR', `the machine of rank 0, as the ${size} ranks run on several`, given)
}

function portOf(
  env: NodeJS.ProcessEnv,
  { launcher, place }: Family,
  runId: string | undefined
): number {
  const given = maybeNumberOf(env, 'MASTER_PORT', 1, 65_535)
  if (given !== undefined) return given
  const isTold = ['alexnode launch', 'torchrun', 'environment'].includes(launcher)
  if (isTold && place.size > 1) throw wrong('MASTER_PORT', 'the port of rank 0', env.MASTER_PORT)
  if (runId === undefined) return USUAL_PORT
  return FIRST_DERIVED + (createHash('sha256').update(runId).digest().readUInt32BE() % DERIVED)
}

function restartsOf(env: NodeJS.ProcessEnv): number {
  const names = ['ALEXNODE_RESTARTS', 'TORCHELASTIC_RESTART_COUNT', 'SLURM_RESTART_COUNT']
  const name = names.find((name) => textOf(env, name) !== undefined)
  return name === undefined ? 0 : (maybeNumberOf(env, name, 0, 1e9) ?? 0)
}

/**
 * Says in one line who a process is.
 *
 * @example
 * describeIdentity(identity) // rank 1 of 4, process 1 of 2 on this machine, started by Slurm; rank 0 at node03:15123
 */
export function describeIdentity(identity: Identity): string {
  checkArguments('group', { identity: [identity, identityRule] })
  const { rank, size, localRank, localSize, launcher, restarts } = identity
  const by = launcher === 'environment' ? 'as RANK and WORLD_SIZE say' : `started by ${launcher}`
  const again = restarts > 0 ? `, restart ${restarts}` : ''
  const where = size > 1 ? `; rank 0 at ${addressOf(identity)}` : ''
  const here = `process ${localRank} of ${localSize} on this machine`
  return `rank ${rank} of ${size}, ${here}, ${by}${again}${where}`
}

/** Where rank 0 is met: `node03:15123`, `[::1]:29500`. */
export function addressOf({ host, port }: Pick<Identity, 'host' | 'port'>): string {
  return foreign(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
}

/** True if all processes of the group are on one machine, as far as is known. */
export function onOneMachine({ size, localSize, host }: Identity): boolean {
  return localSize === size || isLoopback(host)
}
