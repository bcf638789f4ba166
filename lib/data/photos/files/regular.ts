/** Opens regular files alone. */
import type { FileHandle } from 'node:fs/promises'
import { openUnless } from '../../../util/files/bytes.ts'
import type { FilePath } from './file-names.ts'
import { kindFault } from './tree.ts'

/** What was named is a pipe, a device or a folder. */
export class NoFileError extends Error {
  override readonly name = 'NoFileError'
  /** 'is a pipe, no file'. */
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Opens a regular file for reading.
 * @throws NoFileError for anything else
 */
export function openRegular(path: FilePath): Promise<FileHandle> {
  return openUnless(path, 'r', (stats) => {
    const fault = kindFault(stats)
    return fault === undefined ? undefined : new NoFileError(fault)
  })
}
