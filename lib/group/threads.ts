/** How many threads a process takes where several share a machine. */
import { availableParallelism, cpus } from 'node:os'
import { givenThreads } from '../util/threads.ts'
import { identityOf } from './identity.ts'

const MOST_THREADS = 1024

/** The processors of a machine. */
export interface Processors {
  /** Those that this process may run on. */
  readonly own: number
  /** All that there are. */
  readonly all: number
}

/**
 * The threads that a process takes by default: ALEXNODE_THREADS, else its share of the processors. `srun` and `mpirun`
 * may bind each process to processors of its own: then it takes all of these.
 *
 * @throws RangeError and GroupError for damaged variables
 */
export function usualThreads(
  env: Readonly<NodeJS.ProcessEnv> = process.env,
  { own, all }: Processors = { own: availableParallelism(), all: cpus().length }
): number {
  const given = givenThreads(env)
  if (given !== undefined) return given
  const { launcher, localSize = 1 } = identityOf(env) ?? {}
  const mayBind = launcher === 'Slurm' || launcher === 'Open MPI' || launcher === 'PMI'
  const share = mayBind && own < all ? own : Math.floor(own / localSize)
  return Math.min(MOST_THREADS, Math.max(1, share))
}
