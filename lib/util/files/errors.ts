// The two ways in which files fail: the disk refuses (DiskError), or what was read is not whole
// (DamagedFileError). Callers tell them apart: a damaged checkpoint may be skipped, a full disk not.

/** What an errno means in plain words, and what to do about it. */
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
  ELOOP: ['its symbolic links form a loop', 'choose another path'],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n)'],
  EIO: ['the disk reports an input/output error', 'check the disk, or choose another one']
}

/** The disk refused: full, read-only, forbidden, not there. `code` is the errno, as `ENOSPC`. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  /** The errno, as `ENOSPC`. */
  readonly code: string

  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** What lies on the disk is not whole: truncated, altered, or never what it should be. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError'
}

/** The errno of a failed system call, or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof DiskError) return error.code
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The error of a system call that would have failed with this errno. */
export function failedCall(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}, ${syscall}`), { code, syscall })
}

/**
 * An error for a failed system call that names the path and says what to do. Any other error, and
 * one that already does so, is given back as it is.
 *
 * @param topic - who speaks, as `checkpoint`
 * @param action - what was being done, as `write`
 * @param path - the file or folder
 * @param error - what was caught
 *
 * @example
 * ```ts
 * try { await mkdir(path) } catch (error) { throw diskError('run', 'make', path, error) }
 * // [run] cannot make /out: permission denied (EACCES); change the permissions there or …
 * ```
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
