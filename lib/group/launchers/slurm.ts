/** What `srun` tells each process. */
import { countAt, firstNode } from './node-list.ts'
import { hasAny, maybeNumberOf, numberOf, type Place, placeOf, textOf, wrong } from './variables.ts'

const NODES = ['SLURM_STEP_NODELIST', 'SLURM_JOB_NODELIST', 'SLURM_NODELIST'] as const
/** Slurm's largest number of a step. Those above are no steps of `srun`, but batch scripts and shells of `salloc`. */
const LAST_STEP = 0xffff_0000

const stepOf = (env: NodeJS.ProcessEnv) =>
  textOf(env, 'SLURM_STEP_ID') ?? textOf(env, 'SLURM_STEPID')

/**
 * True for a process that `srun` started. A batch script, and a shell of `salloc`, have variables of their job, too,
 * but are none of its tasks.
 */
export function isTask(env: NodeJS.ProcessEnv): boolean {
  return hasAny(env, 'SLURM_PROCID') && Number(stepOf(env) ?? LAST_STEP) < LAST_STEP
}

export function slurmPlace(env: NodeJS.ProcessEnv): Place {
  const size = hasAny(env, 'SLURM_STEP_NUM_TASKS') ? 'SLURM_STEP_NUM_TASKS' : 'SLURM_NTASKS'
  const perNode = ['SLURM_STEP_TASKS_PER_NODE', 'SLURM_TASKS_PER_NODE'].find((name) =>
    hasAny(env, name)
  )
  const localSize = perNode === undefined ? undefined : tasksHere(env, perNode)
  const known = localSize === undefined ? {} : { 'tasks here': String(localSize) }
  return placeOf(
    { ...env, 'tasks here': undefined, ...known },
    { rank: 'SLURM_PROCID', size, localRank: 'SLURM_LOCALID', localSize: 'tasks here' }
  )
}

function tasksHere(env: NodeJS.ProcessEnv, name: string): number {
  const node = maybeNumberOf(env, 'SLURM_NODEID', 0, 65_535) ?? 0
  const list = env[name] ?? ''
  const count = countAt(list, node)
  if (count !== undefined && count > 0) return count
  throw wrong(name, `tasks of ${node + 1} nodes or more, such as 2(x3),1`, list)
}

/** The first machine of the step. */
export function slurmHost(env: NodeJS.ProcessEnv): string | undefined {
  const name = NODES.find((name) => hasAny(env, name))
  if (name === undefined) return textOf(env, 'SLURM_LAUNCH_NODE_IPADDR')
  const list = env[name] ?? ''
  const host = firstNode(list)
  if (host === undefined) throw wrong(name, 'names of machines, such as node[03-05,7]', list)
  return host
}

/** A name of the step, which all its processes have, and no other step at that time. */
export function slurmRun(env: NodeJS.ProcessEnv): string {
  const job = numberOf(env, 'SLURM_JOB_ID', 0, Number.MAX_SAFE_INTEGER)
  return `slurm-${job}.${stepOf(env) ?? 0}`
}
