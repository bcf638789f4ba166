/** Native threads that read and decode stored images into memory. JavaScript only says which, and where to. */

import type { Buffer } from '../../../engine/memory.ts'
import { native, settled } from '../../../native/binding.ts'
import { Handle } from '../../../native/handle.ts'
import { ownThreads } from '../../../util/threads.ts'
import type { ImageFormat } from './shard.ts'

const REMEDY = ': open the data again'

/** A file that native threads read parts of. */
export class StoredFile extends Handle {
  readonly path: string

  /** @throws Error if the file is missing, is empty, or is no regular file */
  constructor(path: string) {
    super(`[data] ${path}`, native.openFile(path), REMEDY)
    this.path = path
  }

  /** Closes the file after the reads that run now. */
  close(): void {
    this.release(native.closeFile)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Threads that read and decode. */
export class Loader extends Handle {
  readonly threads: number

  /**
   * @param threads number of threads, 1 to 1024. Default: ALEXNODE_THREADS, or one a processor
   * @throws Error for any other number
   */
  constructor(threads = ownThreads()) {
    super('[data] the loader', native.openLoader(threads), REMEDY)
    this.threads = threads
  }

  /**
   * Reads images one after the other into memory that the host can write.
   *
   * @param records four numbers for each image: a StoredFile's id, offset, bytes, and CRC-32 (-1: do not check).
   * Copied before this returns
   * @param to u8 [images, height, width, channels] from byte `offset` on
   * @returns resolves when all images are there
   * @throws LoadError for the first image that cannot be read or decoded, with its place and the reason
   */
  load(records: Float64Array, format: ImageFormat, to: Buffer, offset = 0): Promise<void> {
    const { form, height, width, channels } = format
    const shape = [height, width, channels] as const
    return settled((ticket) =>
      native.load(this.id, ticket, records, form === 'jpeg', shape, to.id, offset)
    )
  }

  /** Ends the threads. Batches that have not begun are rejected. */
  close(): void {
    this.release(native.closeLoader)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
