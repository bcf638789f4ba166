/**
 * The variables of PyTorch's `env://`: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE. `alexnode launch`, torchrun and
 * Kubeflow's PyTorchJob set them.
 */
import { isLoopback } from './loopback.ts'
import { hasAny, type Place, placeOf, textOf } from './variables.ts'

export const isTorch = (env: NodeJS.ProcessEnv) => hasAny(env, 'RANK', 'WORLD_SIZE')

export function torchPlace(env: NodeJS.ProcessEnv): Place {
  const names = {
    rank: 'RANK',
    size: 'WORLD_SIZE',
    localRank: 'LOCAL_RANK',
    localSize: 'LOCAL_WORLD_SIZE'
  }
  return placeOf(env, names, isLoopback(textOf(env, 'MASTER_ADDR') ?? ''))
}

/** Who set them. */
export function torchLauncher(
  env: NodeJS.ProcessEnv
): 'alexnode launch' | 'torchrun' | 'environment' {
  if (hasAny(env, 'ALEXNODE_RUN_ID')) return 'alexnode launch'
  return hasAny(env, 'TORCHELASTIC_RUN_ID') ? 'torchrun' : 'environment'
}

/** A name of torchrun's run. Its own is 'none' for all runs that were given none; agents differ by their ports. */
export function torchRun(env: NodeJS.ProcessEnv): string | undefined {
  const name = textOf(env, 'TORCHELASTIC_RUN_ID')
  return name === undefined ? undefined : `${name}-${textOf(env, 'MASTER_PORT') ?? ''}`
}
