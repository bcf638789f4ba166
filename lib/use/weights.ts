/** Finds and reads the weights of a run. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PublicTensor } from '../net/graph/public-tensors.ts'
import { listCheckpoints } from '../run/checkpoint.ts'
import { bestStep } from '../run/folder.ts'
import { toMap } from '../run/snapshot.ts'
import { digestFile } from '../util/files/bytes.ts'
import { readSafetensors } from '../util/files/safetensors.ts'
import { RunError } from './run-error.ts'

const WEIGHTS = 'weights.safetensors'

/** A file of weights. */
interface WeightsFile {
  /** Path of the file. */
  readonly weights: string
}

/**
 * Finds a run's weights: see `RunSelection.weights`.
 * @throws RunError if it has no such weights
 */
export async function findWeights(folder: string, wanted: string | undefined): Promise<string> {
  const final = join(folder, WEIGHTS)
  const hasFinal = (await stat(final).catch(() => undefined)) !== undefined
  if ((wanted === undefined || wanted === 'final') && hasFinal) return final
  const checkpoints = await listCheckpoints(folder)
  const [newest] = checkpoints
  if ((wanted === undefined || wanted === 'newest') && newest) return join(newest.folder, WEIGHTS)
  const best = await bestStep(folder)
  const number = wanted === 'best' ? best : Number(wanted)
  const found = checkpoints.find(({ step }) => step === number)
  if (found) return join(found.folder, WEIGHTS)
  const steps = checkpoints.map(({ step }) => step).reverse()
  const names = [
    ...(hasFinal ? ['final'] : []),
    ...(best === undefined ? [] : ['best']),
    ...(steps.length > 0 ? ['newest', ...steps] : [])
  ]
  throw new RunError(
    `[run] ${folder}: expected weights${wanted === undefined ? '' : ` '${wanted}'`}, got ` +
      (names.length > 0 ? `a run that has ${names.join(', ')}` : 'a run without any yet')
  )
}

/**
 * Reads a run's weights by name.
 *
 * @throws RunError if a weight is not finite
 * @throws DamagedFileError, DiskError if the file cannot be read
 */
export async function readWeights({
  weights: path
}: WeightsFile): Promise<Map<string, PublicTensor>> {
  const weights = toMap(path, (await readSafetensors(path)).tensors)
  for (const [name, { data }] of weights) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue
      throw new RunError(
        `[run] ${path}: expected finite weights, got ${data[i]} in ${name}: training had diverged by ` +
          'then; use earlier ones (--weights STEP), or train at a lower rate'
      )
    }
  }
  return weights
}

/** SHA-256 of a run's weights, in hexadecimal: it identifies them. */
export async function weightsDigest({ weights }: WeightsFile): Promise<string> {
  return (await digestFile(weights)).sha256
}
