/** Opens files: the one way here, which never waits for the other end of a pipe. */
import { constants, type PathLike, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Opening a pipe without O_NONBLOCK waits for its other end, and with it all of the program. */
const FLAGS = {
  r: constants.O_RDONLY | constants.O_NONBLOCK,
  'r+': constants.O_RDWR | constants.O_NONBLOCK,
  a: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
} as const

/** How a file is opened, as in `fs.open`. */
export type FileFlags = keyof typeof FLAGS

/** What was named is a pipe, a device or a folder. As the errors of system calls, it has a code, for `diskError`. */
export class NoFileError extends Error {
  override readonly name = 'NoFileError'
  readonly code: 'EISDIR' | 'ENXIO'
  readonly syscall = 'open'
  /** 'is a pipe, no file'. */
  readonly reason: string

  constructor(reason: string, isFolder: boolean) {
    super(reason)
    this.reason = reason
    this.code = isFolder ? 'EISDIR' : 'ENXIO'
  }
}

/** Why a file cannot be used that is no regular file; undefined if it is one. */
export function kindFault(stats: Stats): string | undefined {
  if (stats.isFile()) return
  if (stats.isFIFO()) return 'is a pipe, no file'
  if (stats.isSocket()) return 'is a socket, no file'
  return stats.isDirectory() ? 'is a folder, no file' : 'is a device, no file'
}

/**
 * Opens a file or folder.
 * @throws NoFileError for a pipe or a device
 */
export function openFile(path: PathLike, flags: FileFlags): Promise<FileHandle> {
  return openIf(path, flags, (stats) => {
    // Such as /dev/null: writing there does not wait, while reading may never end.
    return stats.isDirectory() || (flags === 'a' && stats.isCharacterDevice())
  })
}

/**
 * Opens a regular file for reading.
 * @throws NoFileError for anything else
 */
export function openRegular(path: PathLike): Promise<FileHandle> {
  return openIf(path, 'r', () => false)
}

/** @param isUsable whether what is no regular file is opened all the same */
async function openIf(
  path: PathLike,
  flags: FileFlags,
  isUsable: (stats: Stats) => boolean
): Promise<FileHandle> {
  const handle = await open(path, FLAGS[flags])
  try {
    const stats = await handle.stat()
    const fault = kindFault(stats)
    if (fault !== undefined && !isUsable(stats)) throw new NoFileError(fault, stats.isDirectory())
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
