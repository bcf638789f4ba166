/** Pictures that are prepared when they are first used, and found again when they are used next. */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { removeFile } from '../../util/files/atomic.ts'
import { DamagedFileError } from '../../util/files/errors.ts'
import { openPhotos, type PhotoDataset } from './open.ts'
import { type PrepareOptions, prepareSource } from './prepare/prepare.ts'
import { openSource } from './scan/index.ts'
import { MANIFEST } from './stored/manifest.ts'

export interface CachedOptions
  extends Pick<PrepareOptions, 'signal' | 'onProgress' | 'onNotice' | 'atOnce'> {
  /** The folder in which prepared ones are kept. */
  readonly cache: string
  /** Threads that read and decode. Default: as many as the machine gives this process. */
  readonly workers?: number | undefined
}

/**
 * Opens a folder, tar or list of pictures: prepares it into the cache, unless it lies there and
 * nothing in the source has changed since, by sizes and times, and it is whole.
 *
 * @throws DataError where the source holds no usable images
 * @throws DiskError where the disk refuses
 */
export async function openCached(path: string, options: CachedOptions): Promise<PhotoDataset> {
  const { cache, workers, onNotice, ...rest } = options
  const source = await openSource(path, options.signal)
  try {
    const real = await realpath(path)
    const mark = createHash('sha256').update(real).digest('hex').slice(0, 12)
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
      // Files of the same names and sizes may hold other pictures: times tell.
      ...{ salt: source.stamp, replace: true },
      ...(onNotice && { onNotice }),
      onProgress: (done: number, total: number, skipped: number) => {
        tell()
        rest.onProgress?.(done, total, skipped)
      }
    }
    const prepared = async () => {
      const { manifest } = await prepareSource(source, folder, preparation)
      const { skipped, testing, notes } = manifest
      if (told) for (const note of notes) onNotice?.(note)
      const left =
        skipped.length === 0 ? '' : `, ${skipped.length} images skipped (dataset.json there)`
      const own = testing.startsWith('the source') ? '' : `; ${testing}`
      return openPhotos(folder, {
        threads: workers,
        source: `${source.kind} in ${path}, prepared in ${folder}${left}${own}`
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
