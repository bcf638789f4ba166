/**
 * The two kinds of failure of files. DiskError: the system refused. DamagedFileError: the content is wrong.
 * Callers tell them apart: a damaged checkpoint may be skipped, a full disk may not.
 */

import { PlainError } from '../foreign.ts'

/** Meaning and remedy by errno. */
const MEANINGS: Readonly<Record<string, readonly [meaning: string, remedy: string]>> = {
  ENOSPC: ['the disk is full', 'free some space there or choose a folder on another disk'],
  EDQUOT: ['the disk quota is used up', 'free some space there or choose another folder'],
  EFBIG: ['the file is too large for this disk or limit', 'choose a folder on another disk'],
  EACCES: ['permission denied', 'change the permissions there or choose another folder'],
  EPERM: ['the operation is not permitted', 'change the permissions or choose another folder'],
  EROFS: ['the disk is mounted read-only', 'choose a folder on a disk that can be written'],
  ENOENT: ['it or its parent folder does not exist', 'check the path, or make the folder first'],
  ENOTDIR: ['a part of this path is a file, not a folder', 'choose another path'],
  EISDIR: ['this is a folder, not a file', 'choose another path'],
  EEXIST: ['it exists already', 'choose another path, or move it away'],
  ENOTEMPTY: ['it exists already', 'choose another path, or move it away'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter path'],
  ENXIO: ['it is a pipe or a device, not a file', 'remove it or choose another path'],
  ELOOP: ['its symbolic links form a loop', 'choose another path'],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n)'],
  EIO: ['the disk reports an input/output error', 'check the disk, or choose another one']
}

/**
 * The system refused a file operation: the disk is full or read-only, access is denied, the path does not exist.
 * The message names the path and what to do.
 */
export class DiskError extends PlainError {
  /** Always 'DiskError'. */
  override readonly name = 'DiskError'
  /** The errno, such as 'ENOSPC'. */
  readonly code: string

  /** @internal */
  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** A file is truncated, altered, or not of the expected format. The message names it and what to do. */
export class DamagedFileError extends PlainError {
  /** Always 'DamagedFileError'. */
  override readonly name = 'DamagedFileError'
}

/** The errno of a failed system call, or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof DiskError) return error.code
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Makes the error of a system call that would fail with this errno. */
export function failedCall(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}, ${syscall}`), { code, syscall })
}

/**
 * Turns the error of a failed system call into a DiskError. Returns any other error unchanged.
 *
 * @param topic begins the message, such as 'checkpoint'
 * @param action what failed, such as 'write'
 * @param path the file or folder
 *
 * @example
 * try { await mkdir(path) } catch (error) { throw diskError('run', 'make', path, error) }
 * // [run] cannot make /out: permission denied (EACCES); change the permissions there or …
 */
export function diskError(topic: string, action: string, path: string, error: unknown): unknown {
  const code = errnoOf(error)
  if (code === undefined || error instanceof DiskError) return error
  const fallback = ['the disk refused', 'check the path and the disk'] as const
  const [meaning, remedy] = MEANINGS[code] ?? fallback
  return new DiskError(
    `[${topic}] cannot ${action} ${path}: ${meaning} (${code}); ${remedy}`,
    code,
    error
  )
}

/**
 * Runs file operations.
 *
 * @throws DiskError for a failed system call, as {@link diskError} makes it
 */
export async function onDisk<Result>(
  topic: string,
  action: string,
  path: string,
  work: () => Promise<Result>
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw diskError(topic, action, path, error)
  }
}
