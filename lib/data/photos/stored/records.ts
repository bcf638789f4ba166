/** The bytes of a prepared part's images, one record an image, whatever they are kept in. */
import type { Buffer } from '../../../engine/memory.ts'
import type { Form } from './shard.ts'

/** What the records of a part hold. */
export interface ImageFormat {
  readonly form: Form
  readonly height: number
  readonly width: number
  readonly channels: number
}

export interface Records {
  readonly length: number
  label(i: number): number
  /** Its name in the source. */
  name(i: number): string
  /**
   * The bytes of record i, raw or a JPEG file; not to be written to.
   *
   * @throws DamagedFileError where they are not those that were written
   * @throws DiskError where the disk refuses
   */
  bytes(i: number): Uint8Array | Promise<Uint8Array>
  /**
   * Brings images into staging memory from `offset` on, one behind the other, by threads; absent where
   * there are none.
   *
   * @throws DamagedFileError where a record is not what was written
   */
  load?(indices: Uint32Array, to: Buffer, offset: number): Promise<void>
  close(): void | Promise<void>
}
