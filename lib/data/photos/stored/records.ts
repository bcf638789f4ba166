/** Access to the stored images of a part, one record each. */
import type { Buffer } from '../../../engine/memory.ts'
import type { DamagedImageError } from '../../skip-damaged.ts'

/** The records of a part. */
export interface Records {
  readonly length: number
  label(i: number): number
  /** Its name in the source. */
  name(i: number): string
  /**
   * The bytes of record i: raw, or a JPEG file. They must not be changed.
   *
   * @throws DamagedFileError if their checksum is wrong
   * @throws DiskError if they cannot be read
   */
  bytes(i: number): Uint8Array | Promise<Uint8Array>
  /**
   * Reads and decodes images into staging memory by native threads; see `ImageSet.load`.
   *
   * @throws DamagedFileError if a record's checksum is wrong
   */
  load?(indices: Uint32Array, to: Buffer, offset: number): Promise<void>
  /**
   * The error of a damaged record: it names the shard and the image.
   * @param place its place among the records that were to be read. Default 0
   */
  damaged(i: number, reason: string, place?: number): DamagedImageError
  close(): void | Promise<void>
}
