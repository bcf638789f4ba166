/** Runs a preparation: converts images in order, writes shards, and saves its progress after each shard. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { removeFile, replaceFile, replaceWith } from '../../../util/files/atomic.ts'
import { digestFile, type FileDigest, writeBytes } from '../../../util/files/bytes.ts'
import { ordered } from '../../../util/ordered.ts'
import { count, someOf } from '../../../util/words.ts'
import { DataError } from '../../dataset.ts'
import type { Source, SourcePart } from '../scan/source.ts'
import {
  FORMAT,
  MANIFEST,
  type Manifest,
  MEAN_IMAGE,
  manifestText,
  type Part
} from '../stored/manifest.ts'
import { ShardWriter } from '../stored/shard-writer.ts'
import { classNotes, imagesByClass } from './class-notes.ts'
import { convert } from './convert.ts'
import { Copies, noKey } from './copies.ts'
import { clearFolder } from './folder.ts'
import type { Plan } from './plan.ts'
import {
  imagesIn,
  noProgress,
  type PartProgress,
  PROGRESS,
  type Progress,
  readProgress,
  saveProgress
} from './progress.ts'
import { Statistics } from './statistics.ts'

/** Options of a preparation. */
export interface PreparationOptions {
  /** Number of images that are converted at a time. Default: 2 × `os.availableParallelism()`. */
  readonly atOnce?: number | undefined
  /** Aborts after the images in progress. Finished shards stay. */
  readonly signal?: AbortSignal | undefined
  /** Called for each image: images done, images in all, images skipped. */
  readonly onProgress?: ((done: number, total: number, skipped: number) => void) | undefined
  /** Called with notices for people, a sentence each. */
  readonly onNotice?: ((text: string) => void) | undefined
}

/** One preparation of a source into a folder. */
export class Preparation {
  readonly #source: Source
  readonly #plan: Plan
  readonly #out: string
  readonly #options: PreparationOptions
  readonly #statistics: Statistics
  readonly #notes: string[]
  #progress: Progress = noProgress()
  #trained: Copies

  constructor(source: Source, plan: Plan, out: string, options: PreparationOptions) {
    this.#source = source
    this.#plan = plan
    this.#out = out
    this.#options = options
    this.#statistics = new Statistics(plan)
    this.#notes = [...source.notes]
    this.#trained = new Copies(plan.train)
  }

  /** @returns the manifest, and the number of images that an earlier run had finished */
  async run(): Promise<{ readonly manifest: Manifest; readonly resumed: number }> {
    const { train, test } = this.#plan
    const resumed = await this.#resume()
    await this.#part('train', train, this.#progress.train, this.#trained)
    if (test) {
      const tested = new Copies(test)
      await this.#part('test', test, this.#progress.test, tested)
      const shared = tested.shared(this.#trained)
      if (shared > 0) {
        this.#notes.push(`${shared} images of the test part are in the training part, too.`)
      }
    }
    return { manifest: await this.#finish(), resumed }
  }

  /** Restores the progress of an earlier run. Returns the number of finished images. */
  async #resume(): Promise<number> {
    const { onNotice } = this.#options
    const found = await readProgress(this.#out, this.#plan.hash)
    const why = found && (await this.#restore(found))
    if (found === undefined || found === 'other' || why !== undefined) {
      if (why !== undefined) onNotice?.(`${why}: it begins again.`)
      this.#statistics.reset()
      await clearFolder(this.#out)
      // Marks the folder as one of a preparation.
      await this.#save()
      return 0
    }
    this.#progress = found
    const done = found.train.done + found.test.done
    if (done > 0) onNotice?.(`It goes on after ${done} images that were done before.`)
    return done
  }

  async #save(): Promise<void> {
    this.#progress.statistics = this.#statistics.save()
    await saveProgress(this.#out, this.#plan.hash, this.#progress)
  }

  /** Restores the statistics, and checks the shards. Returns why that failed, if it did. */
  async #restore(found: Progress | 'other'): Promise<string | undefined> {
    const other = 'What was begun there was of other files or options'
    if (found === 'other') return other
    const { train, test } = this.#plan
    if (found.train.done > train.length || found.test.done > (test?.length ?? 0)) return other
    if (!this.#statistics.restore(found.statistics, imagesIn(found.train))) return other
    for (const { file, sha256 } of [...found.train.shards, ...found.test.shards]) {
      const digest = await digestFile(join(this.#out, file)).catch(() => undefined)
      if (digest?.sha256 !== sha256) return `The shard ${file} is not as it was written`
    }
    return
  }

  async #part(
    name: 'train' | 'test',
    part: SourcePart,
    progress: PartProgress,
    copies: Copies
  ): Promise<void> {
    const { atOnce = 2 * availableParallelism(), signal, onProgress } = this.#options
    const { form, height, width, channels, shardBytes, duplicates, train, test } = this.#plan
    const { shards, skipped, mended } = progress
    const kind = { form, height, width, channels, shardBytes }
    const writer = new ShardWriter({ folder: this.#out, part: name, ...kind }, shards.length)
    await copies.addShards(this.#out, progress)
    // Held-out images must not be copies of training images.
    const held = name === 'test' && !this.#source.test
    const { classes } = this.#source
    const copyOf = (i: number, key: Uint8Array) => {
      if (duplicates) return
      const label = part.label(i)
      const there = held ? this.#trained.reason(key, label, classes) : undefined
      return copies.reason(key, label, classes) ?? there
    }
    const before = name === 'test' ? train.length : 0
    const total = train.length + (test?.length ?? 0)
    let done = progress.done
    const flush = async () => {
      shards.push(await writer.flush())
      progress.done = done
      await this.#save()
    }

    const work = (i: number) => convert(part, i, this.#plan)
    for await (const image of ordered(range(done, part.length), Math.max(1, atOnce), work)) {
      signal?.throwIfAborted()
      const i = done++
      const file = part.name(i)
      const { key } = image
      const copy = key && copyOf(i, key)
      if ('reason' in image) skipped.push({ file, reason: image.reason })
      else if (copy !== undefined) skipped.push({ file, reason: copy })
      else {
        if (key) copies.add(key, i)
        if (name === 'train') this.#statistics.add(image.pixels)
        if (image.mended) mended.push(file)
        writer.add({ bytes: image.bytes, label: part.label(i), name: file, key: key ?? noKey })
        if (writer.full) await flush()
      }
      onProgress?.(before + done, total, this.#skipped())
    }
    if (writer.pending > 0) await flush()
    progress.done = done
  }

  #skipped(): number {
    const { train, test } = this.#progress
    return this.#source.skipped.length + train.skipped.length + test.skipped.length
  }

  /** A note on pictures that were used though their files are not whole. */
  #mended(): string[] {
    const { train, test } = this.#progress
    const names = [...train.mended, ...test.mended]
    if (names.length === 0) return []
    const lack = names.length === 1 ? 'JPEG lacks its' : 'JPEGs lack their'
    return [
      `${count(names.length)} ${lack} end marker, and ${names.length === 1 ? 'is' : 'are'} used: ${someOf(names)}.`
    ]
  }

  async #classNotes(tested: boolean): Promise<string[]> {
    const { classes } = this.#source
    const { train, test } = this.#progress
    const counts = ({ shards }: PartProgress) => imagesByClass(this.#out, shards, classes.length)
    return classNotes(classes, await counts(train), tested ? await counts(test) : undefined)
  }

  async #finish(): Promise<Manifest> {
    const { name, kind, classes, skipped: before } = this.#source
    const { form, quality, fit, filter, height, width, channels, testing, hash } = this.#plan
    const { train, test } = this.#progress
    const skipped = [...before, ...train.skipped, ...test.skipped]
    const part = ({ shards }: PartProgress): Part => ({
      images: shards.reduce((sum, { images }) => sum + images, 0),
      shards
    })
    if (train.shards.length === 0) {
      const first = skipped[0] ? `; the first, ${skipped[0].file}, ${skipped[0].reason}` : ''
      await removeFile(join(this.#out, PROGRESS))
      throw new DataError(
        `[photos] ${name}: expected at least one image that can be used, got ${skipped.length}` +
          ` that cannot${first}`
      )
    }
    const mean = this.#statistics.meanImage()
    const bytes = new Uint8Array(mean.buffer, mean.byteOffset, mean.byteLength)
    let digest: FileDigest | undefined
    await replaceWith(join(this.#out, MEAN_IMAGE), async (tmp) => {
      digest = await writeBytes(tmp, [bytes])
    })
    const colours = this.#statistics.colours()
    const own = this.#plan.test !== undefined && test.shards.length > 0
    const manifest: Manifest = {
      format: FORMAT,
      name,
      kind,
      form,
      ...(form === 'jpeg' && { quality }),
      fit,
      ...(filter !== 'lanczos3' && { filter }),
      height,
      width,
      channels,
      classes,
      train: part(train),
      ...(own && { test: part(test) }),
      testing: own || !this.#plan.test ? testing : 'no test image can be used: tested on all',
      ...this.#statistics.stats(),
      ...(colours && { colours }),
      meanImage: { file: MEAN_IMAGE, sha256: digest?.sha256 ?? '' },
      skipped,
      notes: [...this.#notes, ...this.#mended(), ...(await this.#classNotes(own))],
      plan: hash
    }
    await replaceFile(join(this.#out, MANIFEST), manifestText(manifest))
    await removeFile(join(this.#out, PROGRESS))
    return manifest
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let i = from; i < to; i++) yield i
}
