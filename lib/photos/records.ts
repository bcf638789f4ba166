/** The bytes of a prepared part's images, one record an image, whatever they are kept in. */

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
  close(): void | Promise<void>
}
