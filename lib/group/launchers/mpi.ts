/** What `mpirun` tells each process: that of Open MPI, and those that speak PMI, such as MPICH's. */
import { hasAny, type Place, placeOf, textOf } from './variables.ts'

const OPEN_MPI = {
  rank: 'OMPI_COMM_WORLD_RANK',
  size: 'OMPI_COMM_WORLD_SIZE',
  localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
  localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE'
} as const

const PMI = {
  rank: 'PMI_RANK',
  size: 'PMI_SIZE',
  localRank: 'MPI_LOCALRANKID',
  localSize: 'MPI_LOCALNRANKS'
} as const

export const isOpenMpi = (env: NodeJS.ProcessEnv) => hasAny(env, OPEN_MPI.rank, OPEN_MPI.size)
export const openMpiPlace = (env: NodeJS.ProcessEnv): Place => placeOf(env, OPEN_MPI)

/** A name of the job that all its processes have. */
export const openMpiRun = (env: NodeJS.ProcessEnv) =>
  textOf(env, 'PMIX_NAMESPACE') ?? textOf(env, 'OMPI_MCA_ess_base_jobid')

export const isPmi = (env: NodeJS.ProcessEnv) => hasAny(env, PMI.rank, PMI.size)
export const pmiPlace = (env: NodeJS.ProcessEnv): Place => placeOf(env, PMI)
