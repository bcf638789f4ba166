/** Opens regular files alone. Opening a pipe would wait until something is written to it. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
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
export async function openRegular(path: FilePath): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const fault = kindFault(await file.stat())
  if (fault === undefined) return file
  await file.close()
  throw new NoFileError(fault)
}
