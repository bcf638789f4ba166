/** `progress.json`: the progress of a preparation. Written after each shard, removed at the end. */
import { join } from 'node:path'
import { replaceFile } from '../../../util/files/atomic.ts'
import { DamagedFileError, errnoOf } from '../../../util/files/errors.ts'
import { isJsonObject, isObject, type Json, jsonText, readJson } from '../../../util/files/json.ts'
import type { Skipped } from '../scan/source.ts'
import { isShardFile, type ShardFile } from '../stored/manifest.ts'

export const PROGRESS = 'progress.json'

/** Progress of one part. */
export interface PartProgress {
  /** Images of the source that were written or skipped. */
  done: number
  readonly shards: ShardFile[]
  readonly skipped: Skipped[]
  /** JPEGs without their end marker, which are used. */
  readonly mended: string[]
}

/** Progress of a preparation. */
export interface Progress {
  readonly train: PartProgress
  readonly test: PartProgress
  statistics: Json | undefined
}

export const noProgress = (): Progress => ({
  train: { done: 0, shards: [], skipped: [], mended: [] },
  test: { done: 0, shards: [], skipped: [], mended: [] },
  statistics: undefined
})

/** Reads the progress of an earlier run. 'other': it is of another plan, or damaged. Undefined: there is none. */
export async function readProgress(
  folder: string,
  plan: string
): Promise<Progress | 'other' | undefined> {
  const value = await readJson(join(folder, PROGRESS)).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return
    if (error instanceof DamagedFileError) return null
    throw error
  })
  if (value === undefined) return
  if (value === null || !isJsonObject(value) || value.plan !== plan) return 'other'
  const [train, test] = [partOf(value.train), partOf(value.test)]
  if (!train || !test) return 'other'
  return { train, test, statistics: value.statistics }
}

function partOf(value: Json | undefined): PartProgress | undefined {
  if (value === undefined || !isJsonObject(value)) return
  const { done, shards, skipped, mended } = value
  if (!Array.isArray(shards) || !shards.every(isShardFile)) return
  if (!Array.isArray(skipped) || !skipped.every(isSkipped)) return
  // What was done is in a shard, or was skipped.
  const part = {
    done: imagesIn({ shards }) + skipped.length,
    shards: [...shards],
    skipped: [...skipped],
    mended: Array.isArray(mended) ? mended.map(String) : []
  }
  return part.done === done ? part : undefined
}

/** Number of images in the shards of a part. */
export function imagesIn({ shards }: { readonly shards: readonly ShardFile[] }): number {
  return shards.reduce((sum, { images }) => sum + images, 0)
}

function isSkipped(value: unknown): value is Skipped {
  return isObject(value) && typeof value.file === 'string' && typeof value.reason === 'string'
}

/** @throws DiskError */
export async function saveProgress(folder: string, plan: string, progress: Progress) {
  await replaceFile(join(folder, PROGRESS), jsonText({ plan, ...progress }, 'progress'))
}
