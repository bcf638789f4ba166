/**
 * From a folder, tar or list of pictures to a prepared folder: shards, class names, checksums, mean
 * image and statistics, in one pass. The same files give the same bytes, however many are decoded at
 * a time. What is done is kept shard by shard: an interrupted preparation goes on.
 */
import { mkdir, readdir, realpath } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { DataError } from '../data/dataset.ts'
import { removeFile, replaceFile, replaceWith, sweep } from '../files/atomic.ts'
import { digestFile, type FileDigest, writeBytes } from '../files/bytes.ts'
import { diskError } from '../files/errors.ts'
import { FolderLock } from '../files/lock.ts'
import { convert } from './convert.ts'
import { readShardIndex } from './file-records.ts'
import {
  FORMAT,
  MANIFEST,
  type Manifest,
  MEAN_IMAGE,
  manifestText,
  type Part,
  readManifest
} from './manifest.ts'
import { ordered } from './ordered.ts'
import { type Plan, type PlanOptions, planOf } from './plan.ts'
import {
  noProgress,
  type PartProgress,
  PROGRESS,
  type Progress,
  readProgress,
  saveProgress
} from './progress.ts'
import { openSource } from './scan/index.ts'
import { KEY_BYTES } from './shard.ts'
import { loadSharp } from './sharp.ts'
import type { Source, SourcePart } from './source.ts'
import { Statistics } from './statistics.ts'
import { ShardWriter } from './writer.ts'

export interface PrepareOptions extends PlanOptions {
  /** Images that are worked on at a time. Default: twice the processors. */
  readonly atOnce?: number | undefined
  /** Stops after the images that are under way; what is in whole shards stays. */
  readonly signal?: AbortSignal | undefined
  /** Told of each image that is done: how many of how many, and how many were skipped. */
  readonly onProgress?: ((done: number, total: number, skipped: number) => void) | undefined
  /** Told what a person should know, in a sentence each. */
  readonly onNotice?: ((text: string) => void) | undefined
}

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

/** The same, of a source that is open. */
export async function prepareSource(
  source: Source,
  out: string,
  options: PrepareOptions = {}
): Promise<Prepared> {
  if (!source.shape) await loadSharp()
  const plan = await planOf(source, options)
  await makeFolder(out)
  const lock = await FolderLock.take(out)
  try {
    const before = await readManifest(out)
    if (before?.plan === plan.hash) return { manifest: before, resumed: images(before) }
    if (before) {
      throw new DataError(
        `[photos] ${out}: expected a new folder, got one that holds ${before.name}, prepared from` +
          ' other files or with other options; choose another folder, or remove it'
      )
    }
    await sweep(out)
    return await new Preparation(source, plan, out, options).run()
  } finally {
    await lock.release()
  }
}

const images = ({ train, test }: Manifest) => train.images + (test?.images ?? 0)

/** Shards among what they are made from would be found there the next time. */
async function refuseInside(source: string, out: string): Promise<void> {
  const from = await realpath(source).catch(() => resolve(source))
  const way = relative(from, resolve(out))
  if (way !== '' && (way.startsWith('..') || resolve(way) === way)) return
  throw new DataError(
    `[photos] ${out}: expected a folder outside of ${source}, got one inside; choose another folder`
  )
}

/** What a preparation leaves in its folder. */
const own = new RegExp(
  `^(${MANIFEST}|${PROGRESS}|${MEAN_IMAGE}|source\\.json|lock|\\..*|(train|test)-\\d+\\.shard)$`
)

async function makeFolder(out: string): Promise<void> {
  try {
    await mkdir(out, { recursive: true })
    const strange = (await readdir(out)).find((name) => !own.test(name))
    if (strange === undefined) return
    throw new DataError(
      `[photos] ${out}: expected a new or empty folder, got one that holds ${strange};` +
        ' choose another folder'
    )
  } catch (error) {
    throw diskError('photos', 'make', out, error)
  }
}

/** Images of a part by the first bytes of the hashes of their files. */
type Keys = Map<string, number>

class Preparation {
  readonly #source: Source
  readonly #plan: Plan
  readonly #out: string
  readonly #options: PrepareOptions
  readonly #statistics: Statistics
  readonly #notes: string[]
  #progress: Progress = noProgress()
  #trainKeys: Keys = new Map()

  constructor(source: Source, plan: Plan, out: string, options: PrepareOptions) {
    this.#source = source
    this.#plan = plan
    this.#out = out
    this.#options = options
    this.#statistics = new Statistics(plan)
    this.#notes = [...source.notes]
  }

  async run(): Promise<Prepared> {
    const { train, test } = this.#plan
    const resumed = await this.#resume()
    this.#trainKeys = await this.#part('train', train, this.#progress.train)
    const testKeys = test ? await this.#part('test', test, this.#progress.test) : new Map()
    const shared = [...testKeys.keys()].filter((key) => this.#trainKeys.has(key)).length
    if (shared > 0 && this.#source.test) {
      this.#notes.push(`${shared} images of the test part are in the training part, too.`)
    }
    return { manifest: await this.#finish(), resumed }
  }

  /** Takes up what is there. Returns how many images are done. */
  async #resume(): Promise<number> {
    const { onNotice } = this.#options
    const found = await readProgress(this.#out, this.#plan.hash)
    if (found === undefined) return 0
    const other = 'What was begun there was of other files or options: it begins again.'
    if (found === 'other' || !this.#statistics.restore(found.statistics)) {
      onNotice?.(other)
      return 0
    }
    for (const shard of [...found.train.shards, ...found.test.shards]) {
      const digest = await digestFile(join(this.#out, shard.file)).catch(() => undefined)
      if (digest?.sha256 === shard.sha256) continue
      onNotice?.(`The shard ${shard.file} is not as it was written: it begins again.`)
      this.#statistics.reset()
      return 0
    }
    this.#progress = found
    const done = found.train.done + found.test.done
    onNotice?.(`It goes on after ${done} images that were done before.`)
    return done
  }

  async #part(name: 'train' | 'test', part: SourcePart, progress: PartProgress): Promise<Keys> {
    const { atOnce = 2 * availableParallelism(), signal, onProgress } = this.#options
    const { form, height, width, channels, shardBytes, duplicates, train, test } = this.#plan
    const { shards, skipped } = progress
    const kind = { form, height, width, channels, shardBytes }
    const writer = new ShardWriter({ folder: this.#out, part: name, ...kind }, shards.length)
    const keys = await this.#keysOf(part, progress)
    // What was held out of the training part must not be in it.
    const trained = name === 'test' && !this.#source.test ? this.#trainKeys : undefined
    const copyOf = (i: number, key: Uint8Array | undefined) => {
      if (!key) return
      const text = latin1(key)
      const [here, there] = [keys.get(text), trained?.get(text)]
      if (!duplicates && here !== undefined) return this.#copies(part, i, part, here)
      if (!duplicates && there !== undefined) return this.#copies(part, i, train, there)
      if (here === undefined) keys.set(text, i)
      return
    }
    const before = name === 'test' ? train.length : 0
    const total = train.length + (test?.length ?? 0)
    let done = progress.done
    const flush = async () => {
      shards.push(await writer.flush())
      progress.done = done
      this.#progress.statistics = this.#statistics.save()
      await saveProgress(this.#out, this.#plan.hash, this.#progress)
    }

    for await (const image of ordered(range(done, part.length), Math.max(1, atOnce), (i) =>
      convert(part, i, this.#plan)
    )) {
      signal?.throwIfAborted()
      const i = done++
      const reason = 'reason' in image ? image.reason : copyOf(i, image.key)
      if (reason !== undefined || 'reason' in image) {
        skipped.push({ file: part.name(i), reason: reason ?? '' })
      } else {
        const key = image.key ?? new Uint8Array(KEY_BYTES)
        if (name === 'train') this.#statistics.add(image.pixels)
        writer.add({ bytes: image.bytes, label: part.label(i), name: part.name(i), key })
        if (writer.full) await flush()
      }
      onProgress?.(before + done, total, this.#skipped())
    }
    if (writer.pending > 0) await flush()
    progress.done = done
    return keys
  }

  #skipped(): number {
    const { train, test } = this.#progress
    return this.#source.skipped.length + train.skipped.length + test.skipped.length
  }

  /** Why an image is left out, of whose file another is a copy. */
  #copies(part: SourcePart, i: number, other: SourcePart, first: number): string {
    const label = other.label(first)
    const but = part.label(i) === label ? '' : `, whose class is ${this.#source.classes[label]}`
    return `has the same bytes as ${other.name(first)}${but}`
  }

  /** The keys of what earlier shards hold. */
  async #keysOf(part: SourcePart, { shards, done }: PartProgress): Promise<Keys> {
    const keys: Keys = new Map()
    if (shards.length === 0) return keys
    const places = new Map(Array.from({ length: done }, (_, i) => [part.name(i), i]))
    for (const shard of shards) {
      const index = await readShardIndex(join(this.#out, shard.file), shard)
      for (let k = 0; k < index.length; k++) {
        const place = places.get(index.name(k))
        if (place !== undefined) keys.set(latin1(index.key(k)), place)
      }
    }
    return keys
  }

  async #finish(): Promise<Manifest> {
    const { name, kind, classes, skipped: before } = this.#source
    const { form, quality, fit, height, width, channels, testing, hash } = this.#plan
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
    const own = this.#plan.test && test.shards.length > 0
    const manifest: Manifest = {
      ...{ format: FORMAT, name, kind, form, ...(form === 'jpeg' && { quality }) },
      ...{ fit, height, width, channels, classes, train: part(train) },
      ...(own && { test: part(test) }),
      testing: own || !this.#plan.test ? testing : 'no test image can be used: tested on all',
      ...this.#statistics.stats(),
      ...(colours && { colours }),
      meanImage: { file: MEAN_IMAGE, sha256: digest?.sha256 ?? '' },
      ...{ skipped, notes: [...this.#notes, ...fewOf(this.#plan.train, classes)], plan: hash }
    }
    await replaceFile(join(this.#out, MANIFEST), manifestText(manifest))
    await removeFile(join(this.#out, PROGRESS))
    return manifest
  }
}

/** Tells of classes with next to nothing to learn from. */
function fewOf(part: SourcePart, classes: readonly string[]): string[] {
  const counts = new Array<number>(classes.length).fill(0)
  for (let i = 0; i < part.length; i++) counts[part.label(i)]!++
  const of = (count: number) => classes.filter((_, label) => counts[label] === count)
  const say = (names: readonly string[], what: string) => {
    if (names.length === 0 || names.length === classes.length) return []
    const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
    return [`${what}: ${names.slice(0, 3).join(', ')}${more}.`]
  }
  return [
    ...say(of(0), 'Classes with no training image'),
    ...say(of(1), 'Classes with one training image')
  ]
}

const latin1 = (key: Uint8Array) =>
  Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')

function* range(from: number, to: number): Generator<number> {
  for (let i = from; i < to; i++) yield i
}
