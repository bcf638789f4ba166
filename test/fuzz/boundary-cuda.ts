/** The campaign `boundary` on GPUs of the double of CUDA: what CUDA's side of the addon checks by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needsDouble } from '../cuda-double.ts'
import { fakeCudaFolder } from '../fake-cuda/build.ts'
import { boundary, replayBoundary } from './boundary.ts'
import type { Options } from './options.ts'
import type { Report } from './report.ts'

/** Why there is no double here; undefined if there is one. */
export const withoutDouble = typeof needsDouble.skip === 'string' ? needsDouble.skip : undefined

export function boundaryCuda(options: Options): Promise<Report> {
  return withDouble((env) => boundary(options, { campaign: 'boundary-cuda', env }))
}

export function replayBoundaryCuda(inputs: readonly unknown[]): Promise<(string | undefined)[]> {
  return withDouble((env) => replayBoundary(inputs, env))
}

async function withDouble<Result>(
  work: (env: NodeJS.ProcessEnv) => Promise<Result>
): Promise<Result> {
  const cache = mkdtempSync(join(tmpdir(), 'alexnode-fuzz-cuda-'))
  try {
    return await work({
      ALEXNODE_FUZZ_DEVICE: 'cuda',
      ALEXNODE_CUDA_PATH: await fakeCudaFolder(),
      ALEXNODE_FAKE_CUDA: '',
      ALEXNODE_CACHE: cache
    })
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}
