/** Opens a prepared folder as a data set. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { anyText, maybe, record, text, whole } from '../../util/check/rules.ts'
import { withFile } from '../../util/files/bytes.ts'
import { DamagedFileError, diskError, errnoOf } from '../../util/files/errors.ts'
import { cut } from '../../util/foreign.ts'
import { checkRead } from '../check.ts'
import { DataError, type Dataset, type ImageSet } from '../dataset.ts'
import { DamagedImageError } from '../skip-damaged.ts'
import { decodePhoto, PhotoError } from './decode.ts'
import { PROGRESS } from './prepare/progress.ts'
import { isHeldOut } from './prepare/test-part.ts'
import { MANIFEST, type Manifest, type Part, readManifest } from './stored/manifest.ts'
import { openNativeRecords } from './stored/native-records.ts'
import type { Records } from './stored/records.ts'
import type { Form } from './stored/shard.ts'

/** The training or test images of a prepared folder. */
export interface PhotoSet extends ImageSet {
  /** Name of image i in the source that it was prepared from. */
  name(i: number): string
  /** Stored bytes of image i: u8 [height, width, channels], or a JPEG file. */
  record(i: number): Uint8Array | Promise<Uint8Array>
  /**
   * Copies images and labels to the outputs; see `ImageSet.read`.
   *
   * @throws DamagedFileError naming the shard that is damaged, and the image
   * @throws DiskError if a shard cannot be read
   */
  read(indices: Uint32Array, images: Uint8Array, labels: Int32Array): Promise<void>
}

/** A prepared folder that is open. */
export interface PhotoDataset extends Dataset {
  /** Images to train on. */
  readonly train: PhotoSet
  /** Images to test on: a part of their own, or the training images if there are none. */
  readonly test: PhotoSet
  /** Content of `dataset.json`. */
  readonly manifest: Manifest
  /** Closes the shards. A second call does nothing. */
  close(): Promise<void>
  /** Closes the shards at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Options of `openPhotos`. */
export interface OpenPhotosOptions {
  /** The set's `source`, for people. Default: 'prepared in …'. */
  readonly source?: string
  /** The set's `notice`, for people. Default: none. */
  readonly notice?: string
  /** Number of threads that read and decode, 1 to 1024. Default: ALEXNODE_THREADS, or one a processor. */
  readonly threads?: number | undefined
}

const photoOptions = record<OpenPhotosOptions>({
  source: maybe(anyText),
  notice: maybe(anyText),
  threads: maybe(whole({ from: 1, to: 1024 }))
})

/**
 * Opens a folder that `prepare` or `alexnode prepare` made. Each image is checked when it is first read.
 *
 * @throws DataError if it is no prepared folder, or its preparation was interrupted
 * @throws DamagedFileError naming the file that is missing, truncated or altered
 * @throws DiskError if a file cannot be read
 *
 * @example
 * await using data = await openPhotos('prepared')
 * console.log(data.train.length, data.classes)
 */
export async function openPhotos(
  folder: string,
  options: OpenPhotosOptions = {}
): Promise<PhotoDataset> {
  checkArguments('photos', { folder: [folder, text] }, DataError)
  checkOptions('photos', options, photoOptions, DataError)
  const { source, notice, threads } = options
  const manifest = await readManifest(folder)
  if (!manifest) {
    const how = existsSync(join(folder, PROGRESS))
      ? 'one whose preparation was interrupted: run the same alexnode prepare again, which goes on'
      : `none; run alexnode prepare SOURCE ${basename(resolve(folder))}`
    throw new DataError(`[photos] ${folder}: expected a prepared folder (${MANIFEST}), got ${how}`)
  }
  const { name, form, fit, filter, height, width, channels, classes, mean, std, colours } = manifest
  const meanImage = await readMeanImage(folder, manifest)
  const shape = { height, width, channels, classes, mean, std, meanImage }
  const facts = { form, fit, ...(filter && { filter }), ...shape, ...(colours && { colours }) }
  const records = (part: Part) => openNativeRecords(folder, part, facts, threads)
  const train = await records(manifest.train)
  const test = manifest.test ? await records(manifest.test) : train
  const close = async () => {
    await train.close()
    if (test !== train) await test.close()
  }
  return {
    name,
    classes,
    mean,
    std,
    manifest,
    close,
    source: source ?? `prepared in ${folder}`,
    ...(notice !== undefined && { notice }),
    ...(isHeldOut(manifest.testing) && { heldOut: true }),
    train: photoSet(train, facts, manifest.train),
    test: photoSet(test, facts, manifest.test ?? manifest.train),
    [Symbol.asyncDispose]: close
  }
}

async function readMeanImage(folder: string, manifest: Manifest): Promise<Float32Array> {
  const { meanImage, height, width, channels } = manifest
  const path = join(folder, meanImage.file)
  const bytes = await withFile(path, 'r', (file) => file.readFile()).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw diskError('photos', 'read', path, error)
    throw new DamagedFileError(
      `[photos] ${path}: expected the mean image, got none; prepare the set again`
    )
  })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== meanImage.sha256 || bytes.length !== height * width * channels * 4) {
    throw new DamagedFileError(
      `[photos] ${path}: expected the SHA-256 ${cut(meanImage.sha256)}, got ${sha256}: it was altered;` +
        ' prepare the set again'
    )
  }
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

/** The hashes of the shards, as one. */
function shardsDigest({ shards }: Part): string {
  return createHash('sha256')
    .update(shards.map(({ sha256 }) => sha256).join(' '))
    .digest('hex')
}

type Facts = Omit<ImageSet, 'length' | 'read'> & { readonly form: Form }

function photoSet(records: Records, { form, ...facts }: Facts, part: Part): PhotoSet {
  const size = facts.height * facts.width * facts.channels
  const pixelsOf = async (i: number) => {
    const bytes = await records.bytes(i)
    const data = form === 'raw' ? bytes : await decoded(i, bytes)
    if (data.length === size) return data
    throw records.damaged(i, `expected ${size} bytes of pixels, got ${data.length}`)
  }
  const decoded = async (i: number, bytes: Uint8Array) => {
    try {
      // Its size is known: one that says it is larger is not decoded.
      const { data } = await decodePhoto(bytes, { fit: 'keep', maxPixels: size })
      return data
    } catch (error) {
      if (!(error instanceof PhotoError)) throw error
      throw records.damaged(i, `expected a JPEG picture, got one that ${error.reason}`)
    }
  }
  return {
    ...facts,
    length: records.length,
    name: (i) => records.name(i),
    record: (i) => records.bytes(i),
    digest: async () => shardsDigest(part),
    async read(indices, images, labels) {
      checkRead(this, indices, images, labels)
      const one = async (i: number, place: number) => {
        labels[place] = records.label(i)
        images.set(await pixelsOf(i), place * size)
      }
      // All of them end before this does: the outputs are the caller's again.
      const done = await Promise.allSettled(Array.from(indices, one))
      for (const [place, result] of done.entries()) {
        if (result.status === 'fulfilled') continue
        const { reason } = result
        if (!(reason instanceof DamagedImageError)) throw reason
        throw new DamagedImageError(reason.message, place, reason.damage)
      }
    },
    ...(records.load && {
      load: async (indices, to, offset, labels) => {
        for (const [place, i] of indices.entries()) labels[place] = records.label(i)
        await records.load?.(indices, to, offset)
      }
    })
  }
}
