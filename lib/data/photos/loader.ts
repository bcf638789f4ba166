/** Brings stored images into memory by threads of its own, so that JavaScript only says which, and where to. */
import { availableParallelism } from 'node:os'
import type { Buffer } from '../../engine/memory.ts'
import { native, settled } from '../../native/binding.ts'

/** A file that is read by memory map: what is never asked for is never read. */
export class MappedFile {
  readonly path: string
  readonly #id: number
  #closed = false

  /** @throws Error where the file is not there, is empty, or cannot be mapped */
  constructor(path: string) {
    this.path = path
    this.#id = native.openFile(path)
  }

  /** @internal */
  get id(): number {
    if (this.#closed) throw new Error(`[data] ${this.path} is closed: open the data again`)
    return this.#id
  }

  /** What is being read of it is read to its end. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    native.closeFile(this.#id)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** How records become images. */
export interface RecordFormat {
  /** 'raw': a record is the image's bytes. JPEGs must have the height and width said here. */
  readonly encoding: 'jpeg' | 'raw'
  readonly height: number
  readonly width: number
  /** 3 (RGB) or 1 (grey). */
  readonly channels: number
}

/** An image that cannot be read or decoded. */
export class LoadError extends Error {
  override name = 'LoadError'
  /** Its place among the records that were asked for. */
  readonly place: number

  constructor(place: number, reason: string) {
    super(reason)
    this.place = place
  }
}

/** Threads that read and decode. */
export class Loader {
  readonly threads: number
  readonly #id: number
  #closed = false

  /**
   * @param threads how many. Default: as many as the machine gives this process
   * @throws Error for `threads` that are no whole number from 1 to 1024
   */
  constructor(threads = availableParallelism()) {
    this.threads = threads
    this.#id = native.openLoader(threads)
  }

  /**
   * Reads images, one behind the other, into memory that the host writes.
   *
   * @param records file id, offset, bytes and CRC-32 of each image; -1 in place of the last is not looked at
   * @param to staging memory, from `offset` on: u8 [image, row, column, channel]
   * @returns when all of them are there
   * @throws LoadError telling which image cannot be read or decoded, and why
   */
  async load(records: Float64Array, format: RecordFormat, to: Buffer, offset = 0): Promise<void> {
    const { encoding, height, width, channels } = format
    const shape = [height, width, channels] as const
    try {
      await settled<void>((ticket) =>
        native.load(this.#open, ticket, records, encoding === 'jpeg', shape, to.id, offset)
      )
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const place = /^\d+(?= )/.exec(text)?.[0]
      if (place === undefined) throw error
      throw new LoadError(Number(place), text.slice(place.length + 1))
    }
  }

  get #open(): number {
    if (this.#closed) throw new Error('[data] the loader is closed: open the data again')
    return this.#id
  }

  /** What has not begun fails; nothing is waited for. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    native.closeLoader(this.#id)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
