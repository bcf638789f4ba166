/** Prepares pictures into the cache on first use, and finds them there later. */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { removeFile } from '../../util/files/atomic.ts'
import { DamagedFileError } from '../../util/files/errors.ts'
import { openPhotos, type PhotoDataset } from './open.ts'
import { type PrepareOptions, prepareSource } from './prepare/prepare.ts'
import { byReason } from './prepare/reasons.ts'
import { hasOwnTest } from './prepare/test-part.ts'
import { openSource } from './scan/index.ts'
import { MANIFEST } from './stored/manifest.ts'

/** Options of `openCached`. */
export interface CachedOptions
  extends Pick<PrepareOptions, 'signal' | 'onProgress' | 'onNotice' | 'atOnce'> {
  /** The cache folder. */
  readonly cache: string
  /** How the pictures are prepared. Default: as `prepare` does. */
  readonly photos?: Pick<PrepareOptions, 'size' | 'fit' | 'filter'> | undefined
  /** Number of threads that read and decode. Default: ALEXNODE_THREADS, or one a processor. */
  readonly workers?: number | undefined
}

/**
 * Opens a folder, tar or list of pictures. Prepares it into the cache, unless an intact copy is there and the sizes
 * and times of the source are the same.
 *
 * @throws DataError if the source holds no usable images
 * @throws DiskError if the disk refuses
 */
export async function openCached(path: string, options: CachedOptions): Promise<PhotoDataset> {
  const { cache, workers, photos = {}, onNotice, ...rest } = options
  const source = await openSource(path, options)
  try {
    const real = await realpath(path)
    const { size, ...others } = photos
    const own = { ...others, ...(size !== undefined && !source.shape && { size }) }
    // Not by the size: one that is given may be the usual one.
    const form = Object.keys(others).length === 0 ? '' : JSON.stringify(others)
    const mark = createHash('sha256').update(`${real}${form}`).digest('hex').slice(0, 12)
    const folder = join(
      resolve(cache),
      'prepared',
      `${source.name.replace(/[^\w.-]+/g, '_')}-${mark}`
    )
    let told = false
    const tell = () => {
      if (!told) onNotice?.(`Preparing ${path} (${source.kind}) into ${folder}, once.`)
      told = true
    }
    const preparation = {
      ...rest,
      ...own,
      // Files of the same name and size may differ. The stamp has their times.
      salt: source.stamp,
      replace: true,
      ...(onNotice && { onNotice }),
      onProgress: (done: number, total: number, skipped: number) => {
        tell()
        rest.onProgress?.(done, total, skipped)
      }
    }
    const prepared = async () => {
      const { manifest } = await prepareSource(source, folder, preparation)
      const { skipped, testing, notes } = manifest
      if (told) {
        for (const note of notes) onNotice?.(note)
        for (const text of byReason(skipped)) onNotice?.(`Skipped: ${text}.`)
      }
      const left =
        skipped.length === 0 ? '' : `, ${skipped.length} images skipped (dataset.json there)`
      const testPart = hasOwnTest(testing) ? '' : `; ${testing}`
      return openPhotos(folder, {
        threads: workers,
        source: `${source.kind} in ${path}, prepared in ${folder}${left}${testPart}`
      })
    }
    try {
      return await prepared()
    } catch (error) {
      if (!(error instanceof DamagedFileError)) throw error
      onNotice?.(`What was prepared in ${folder} is damaged: it is prepared again.`)
      await removeFile(join(folder, MANIFEST))
      return await prepared()
    }
  } finally {
    await source.close()
  }
}
