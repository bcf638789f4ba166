/** Finds images whose files have the same bytes, within a part and between parts. */
import { join } from 'node:path'
import type { SourcePart } from '../scan/source.ts'
import { readShardIndex } from '../stored/file-records.ts'
import { KEY_BYTES } from '../stored/shard.ts'
import type { PartProgress } from './progress.ts'

/** Images of a part, by the first bytes of their files' SHA-256. */
export class Copies {
  readonly #part: SourcePart
  readonly #places = new Map<string, number>()

  constructor(part: SourcePart) {
    this.#part = part
  }

  /** Adds the images of shards that an earlier run wrote. */
  async addShards(folder: string, { shards, done }: PartProgress): Promise<void> {
    if (shards.length === 0) return
    const places = new Map(Array.from({ length: done }, (_, i) => [this.#part.name(i), i]))
    for (const shard of shards) {
      const index = await readShardIndex(join(folder, shard.file), shard)
      for (let k = 0; k < index.length; k++) {
        const place = places.get(index.name(k))
        if (place !== undefined) this.add(index.key(k), place)
      }
    }
  }

  /** Adds an image. Of copies, the first one counts. */
  add(key: Uint8Array, i: number): void {
    const text = textOf(key)
    if (!this.#places.has(text)) this.#places.set(text, i)
  }

  /** The reason for skipping an image that is a copy of one of these; undefined if it is none. */
  reason(key: Uint8Array, label: number, classes: readonly string[]): string | undefined {
    const first = this.#places.get(textOf(key))
    if (first === undefined) return
    const other = this.#part.label(first)
    const but = other === label ? '' : `, whose class is ${classes[other]}`
    return `has the same bytes as ${this.#part.name(first)}${but}`
  }

  /** Number of images that others has, too. */
  shared(others: Copies): number {
    let count = 0
    for (const key of this.#places.keys()) if (others.#places.has(key)) count++
    return count
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

/** The key of an image that has no file. */
export const noKey: Uint8Array = new Uint8Array(KEY_BYTES)
