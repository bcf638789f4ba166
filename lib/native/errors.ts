/** Errors of native code that callers tell apart by their class. */

/** The `code` by which native code marks that memory does not suffice. */
export const OUT_OF_MEMORY = 'ALEXNODE_OUT_OF_MEMORY'

/**
 * Memory does not suffice: on the host or on a GPU, for a buffer, a net, or a library's own use. The message
 * says how many bytes were asked for, how many are available, and what to do.
 *
 * @example
 * try {
 *   await definition.build(device, { batch: 1024 })
 * } catch (error) {
 *   if (!(error instanceof OutOfMemoryError)) throw error
 *   console.error(error.message) // … A batch of 412 would fit. …
 * }
 */
export class OutOfMemoryError extends Error {
  /** Always 'OutOfMemoryError'. */
  override readonly name = 'OutOfMemoryError'
  /** Always 'ALEXNODE_OUT_OF_MEMORY'. */
  readonly code = OUT_OF_MEMORY
}

/** A stored image cannot be read or decoded. */
export class LoadError extends Error {
  override readonly name = 'LoadError'
  /** Index of the record in the batch that was loaded. */
  readonly place: number

  /** @internal */
  constructor(place: number, reason: string) {
    super(reason)
    this.place = place
  }
}
