/** Fills shards, one after the other; each is whole on the disk before the next begins. */
import { join } from 'node:path'
import { replaceWith } from '../../../util/files/atomic.ts'
import { type FileDigest, writeBytes } from '../../../util/files/bytes.ts'
import type { ShardFile } from './manifest.ts'
import { ENTRY_BYTES, imageSpace, type ShardHeader, type ShardImage, shardParts } from './shard.ts'

export interface ShardWriterOptions
  extends Pick<ShardHeader, 'form' | 'height' | 'width' | 'channels'> {
  readonly folder: string
  /** The part's name, which the files begin with. */
  readonly part: string
  /** Bytes after which a shard is full. */
  readonly shardBytes: number
}

export class ShardWriter {
  readonly #options: ShardWriterOptions
  #images: ShardImage[] = []
  #bytes = 0
  #number: number

  /** @param number how many shards there are already */
  constructor(options: ShardWriterOptions, number: number) {
    this.#options = options
    this.#number = number
  }

  /** Images that are not on the disk yet. */
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
   * Writes what there is as a shard.
   *
   * @throws DiskError; nothing is left then
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
