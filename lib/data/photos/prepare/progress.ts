/** `progress.json`: the progress of a preparation. Written after each shard, removed at the end. */
import { join } from 'node:path'
import { replaceFile } from '../../../util/files/atomic.ts'
import { DamagedFileError, errnoOf } from '../../../util/files/errors.ts'
import { isJsonObject, type Json, jsonText, readJson } from '../../../util/files/json.ts'
import type { Skipped } from '../scan/source.ts'
import type { ShardFile } from '../stored/manifest.ts'

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
  if (typeof done !== 'number' || !Array.isArray(shards) || !Array.isArray(skipped)) return
  return {
    done,
    shards: shards.filter(isJsonObject).map(({ file, images, bytes, sha256 }) => ({
      file: String(file),
      images: Number(images),
      bytes: Number(bytes),
      sha256: String(sha256)
    })),
    skipped: skipped
      .filter(isJsonObject)
      .map(({ file, reason }) => ({ file: String(file), reason: String(reason) })),
    mended: Array.isArray(mended) ? mended.map(String) : []
  }
}

/** @throws DiskError */
export async function saveProgress(folder: string, plan: string, progress: Progress) {
  await replaceFile(join(folder, PROGRESS), jsonText({ plan, ...progress }, 'progress'))
}
