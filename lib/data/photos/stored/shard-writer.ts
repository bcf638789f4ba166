/** Writes shards one after the other, each atomically. */
import { join } from 'node:path'
import { replaceWith } from '../../../util/files/atomic.ts'
import { type FileDigest, writeBytes } from '../../../util/files/bytes.ts'
import type { ShardFile } from './manifest.ts'
import { ENTRY_BYTES, type ImageFormat, imageSpace, type ShardImage, shardParts } from './shard.ts'

/** Options of a shard writer. */
export interface ShardWriterOptions extends ImageFormat {
  readonly folder: string
  /** Name of the part: the prefix of its files. */
  readonly part: string
  /** A shard with so many bytes is full. */
  readonly shardBytes: number
}

/** Collects images and writes them as shards. */
export class ShardWriter {
  readonly #options: ShardWriterOptions
  #images: ShardImage[] = []
  #bytes = 0
  #number: number

  /** @param number number of shards that exist already */
  constructor(options: ShardWriterOptions, number: number) {
    this.#options = options
    this.#number = number
  }

  /** Number of images that are not written yet. */
  get pending(): number {
    return this.#images.length
  }

  get full(): boolean {
    return this.#bytes >= this.#options.shardBytes
  }

  add(image: ShardImage): void {
    this.#images.push(image)
    this.#bytes += imageSpace(image.bytes.length) + ENTRY_BYTES + image.name.length
  }

  /**
   * Writes the collected images as a shard.
   *
   * @throws DiskError if the disk refuses; no file is left then
   */
  async flush(): Promise<ShardFile> {
    const { folder, part, form, height, width, channels } = this.#options
    const file = `${part}-${String(this.#number).padStart(5, '0')}.shard`
    const images = this.#images
    const parts = shardParts(images, { form, height, width, channels })
    let digest: FileDigest | undefined
    await replaceWith(join(folder, file), async (tmp) => {
      digest = await writeBytes(tmp, parts)
    })
    this.#images = []
    this.#bytes = 0
    this.#number++
    const { bytes = 0, sha256 = '' } = digest ?? {}
    return { file, images: images.length, bytes, sha256 }
  }
}
