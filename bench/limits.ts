/** What this machine can do at most, measured: bench/limits.cc, compiled for it. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LayerTime } from '../lib/training/bench/per-layer.ts'

export interface Limits {
  /** GFLOP/s of oneDNN's matrix product of 4096. */
  readonly sgemm_gflops: number
  /** The same in bf16; 0 where there is none. */
  readonly bf16_gflops: number
  /** a = b + s·c, each array counted once. */
  readonly triad_gb_per_s: number
}

const run = promisify(execFile)

/** @param folder where the program is kept */
export async function measureLimits(folder: string, threads: number): Promise<Limits> {
  const source = fileURLToPath(new URL('limits.cc', import.meta.url))
  const program = `${folder}/limits`
  await mkdir(folder, { recursive: true })
  const flags = ['-std=c++20', '-O3', '-march=native', '-fopenmp']
  await run(process.env.CXX ?? 'c++', [...flags, source, '-o', program, '-ldnnl'])
  const { stdout } = await run(program, [`${threads}`])
  return JSON.parse(stdout)
}

/**
 * The share of its floor in the time that a layer's pass takes: the floor is what its products, or the bytes
 * that it must move, take at the limits. Above 1 a product is made with fewer multiplications than its definition.
 */
export function shareOf(
  { flop, ms, least_bytes }: Pick<LayerTime, 'flop' | 'ms'> & { readonly least_bytes: number },
  limits: Limits,
  dtype: 'f32' | 'bf16'
): number {
  const rate = (dtype === 'bf16' && limits.bf16_gflops) || limits.sgemm_gflops
  return Math.max(flop / rate, least_bytes / limits.triad_gb_per_s) / 1e6 / ms
}
