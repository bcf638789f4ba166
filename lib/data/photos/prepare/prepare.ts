/**
 * From a folder, tar or list of pictures to a prepared folder: shards, class names, checksums, mean
 * image and statistics, in one pass. The same files give the same bytes, however many are decoded at
 * a time. What is done is kept shard by shard: an interrupted preparation goes on.
 */

import { sweep } from '../../../util/files/atomic.ts'
import { DamagedFileError } from '../../../util/files/errors.ts'
import { FolderLock } from '../../../util/files/lock.ts'
import { DataError } from '../../dataset.ts'
import { openSource } from '../scan/index.ts'
import type { Source } from '../scan/source.ts'
import { loadSharp } from '../sharp.ts'
import { type Manifest, readManifest } from '../stored/manifest.ts'
import { clearFolder, makeFolder, refuseInside } from './folder.ts'
import { type PlanOptions, planOf } from './plan.ts'
import { Preparation, type PreparationOptions } from './preparation.ts'

/** What is prepared, and how it goes on. */
export interface PrepareOptions extends PlanOptions, PreparationOptions {}

/** What came of it. */
export interface Prepared {
  readonly manifest: Manifest
  /** Images that an earlier, interrupted run had dealt with. */
  readonly resumed: number
}

/**
 * Prepares `source` into `out`, which is new, empty, or holds what an interrupted preparation of the
 * same source left. Where it holds the finished set already, nothing is done.
 *
 * @throws DataError where the source holds no usable images, or `out` holds something else
 * @throws DiskError where the disk refuses; run it again when it does not
 * @throws FolderInUseError where another process prepares there
 * @throws the signal's reason where it was aborted
 *
 * @example
 * const { manifest } = await prepare('photos', 'prepared')
 * console.log(manifest.train.images, manifest.skipped)
 */
export async function prepare(
  source: string,
  out: string,
  options: PrepareOptions = {}
): Promise<Prepared> {
  await refuseInside(source, out)
  const opened = await openSource(source, options.signal)
  try {
    return await prepareSource(opened, out, options)
  } finally {
    await opened.close()
  }
}

/**
 * The same, of a source that is open.
 *
 * @param options `replace`: a finished set of other files or options is replaced. Default false
 */
export async function prepareSource(
  source: Source,
  out: string,
  options: PrepareOptions & { readonly replace?: boolean } = {}
): Promise<Prepared> {
  const { replace = false, onNotice } = options
  if (!source.shape) await loadSharp()
  const plan = await planOf(source, options)
  await makeFolder(out)
  const lock = await FolderLock.take(out)
  try {
    const before = await readManifest(out).catch((error: unknown) => {
      if (replace && error instanceof DamagedFileError) return
      throw error
    })
    if (before?.plan === plan.hash) return { manifest: before, resumed: images(before) }
    if (before && !replace) {
      throw new DataError(
        `[photos] ${out}: expected a new folder, got one that holds ${before.name}, prepared from` +
          ' other files or with other options; choose another folder, or remove it'
      )
    }
    if (before) {
      onNotice?.(`${before.name} has changed since it was prepared: it is prepared again.`)
      await clearFolder(out)
    }
    await sweep(out)
    return await new Preparation(source, plan, out, options).run()
  } finally {
    await lock.release()
  }
}

const images = ({ train, test }: Manifest) => train.images + (test?.images ?? 0)
