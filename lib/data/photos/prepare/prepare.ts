/**
 * Prepares a folder, tar or list of pictures: shards, class names, checksums, mean image and statistics, in one
 * pass. Equal files give equal bytes, however many are decoded at a time. An interrupted preparation continues
 * after its last shard.
 */

import { checkArguments, checkOptions } from '../../../util/check/check.ts'
import {
  anyText,
  callback,
  flag,
  maybe,
  oneOf,
  type Rule,
  record,
  signal,
  text,
  whole
} from '../../../util/check/rules.ts'
import { sweep } from '../../../util/files/atomic.ts'
import { DamagedFileError } from '../../../util/files/errors.ts'
import { FolderLock } from '../../../util/files/lock.ts'
import { DataError } from '../../dataset.ts'
import { openSource } from '../scan/index.ts'
import type { Source } from '../scan/source.ts'
import { loadSharp } from '../sharp.ts'
import { type Manifest, readManifest } from '../stored/manifest.ts'
import { clearFolder, makeFolder, refuseInside } from './folder.ts'
import { MAX_SIZE, type PlanOptions, planOf } from './plan.ts'
import { Preparation, type PreparationOptions } from './preparation.ts'

/** Options of `prepare`. */
export interface PrepareOptions extends PlanOptions, PreparationOptions {
  /**
   * Folders that make the name of a class, 1 to 8: 1 takes `pets` of `pets/cat/1.jpg`, 2 takes `pets/cat`. Folders around
   * all classes, and those of parts, do not count. Default 1.
   */
  readonly classDepth?: number | undefined
}

const pictureRules = {
  size: maybe(whole({ from: 1, to: MAX_SIZE })),
  fit: maybe(oneOf('crop', 'warp')),
  filter: maybe(oneOf('lanczos3', 'bilinear'))
}

/** What the options must be that say how pictures look. */
export const picturesRule: Rule =
  record<Pick<PrepareOptions, 'size' | 'fit' | 'filter'>>(pictureRules)

const prepareOptions = record<PrepareOptions>({
  ...pictureRules,
  store: maybe(oneOf('raw', 'jpeg')),
  quality: maybe(whole({ from: 1, to: 100 })),
  duplicates: maybe(flag),
  classDepth: maybe(whole({ from: 1, to: 8 })),
  maxPixels: maybe(whole({ from: 1 })),
  shardBytes: maybe(whole({ from: 1 })),
  salt: maybe(anyText),
  atOnce: maybe(whole({ from: 1 })),
  signal: maybe(signal),
  onProgress: maybe(callback),
  onNotice: maybe(callback)
})

/** Result of `prepare`. */
export interface Prepared {
  /** Content of the folder's `dataset.json`. */
  readonly manifest: Manifest
  /** Number of images that an earlier, interrupted run had finished. */
  readonly resumed: number
}

/**
 * Prepares pictures for training: decodes, resizes and stores them, with statistics of their colours. Pictures that
 * are damaged or copies of others are skipped and named in the manifest.
 *
 * @param source a folder of class folders, perhaps in `train` and `val` or `test`; a folder of pictures named like
 * n01440764_tench.JPEG; a list of lines 'path label'; a tar of any of these; CIFAR's batches; or IDX files
 * @param out the folder to fill: new, empty, or left by an interrupted preparation of the same source. If it holds
 * the finished set, nothing is done
 * @throws DataError if the source holds no usable images, or `out` holds something else
 * @throws DiskError if the disk refuses; a later call continues
 * @throws FolderInUseError if another process prepares there
 * @throws the signal's reason if aborted
 *
 * @example
 * const { manifest } = await prepare('photos', 'prepared', { size: 256 })
 * console.log(manifest.train.images, manifest.skipped)
 * await using data = await openPhotos('prepared')
 */
export async function prepare(
  source: string,
  out: string,
  options: PrepareOptions = {}
): Promise<Prepared> {
  checkArguments('photos', { source: [source, text], out: [out, text] }, DataError)
  checkOptions('photos', options, prepareOptions, DataError)
  await refuseInside(source, out)
  const opened = await openSource(source, options)
  try {
    return await prepareSource(opened, out, options)
  } finally {
    await opened.close()
  }
}

/**
 * Prepares a source that is open.
 *
 * @param options `replace`: replaces a finished set of other files or options. Default false
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
