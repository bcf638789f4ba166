// Folders and files that are whole or not there: they are filled beside their place under a name
// that says so, flushed (fsync), and put in place by one rename. What an interrupted process left
// is known by that name, and swept when its owner starts again.

import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { writeBytes } from './bytes.ts'
import { DiskError, diskError, errnoOf, failedCall } from './errors.ts'
import { flushAll } from './flush.ts'

/** `.checkpoint-00000120.writing-5a1f0c9be2d4`: being made, or on the way out (`removing`). */
const LEFTOVER = /^\..+\.(?:writing|removing)-[0-9a-f]{12}$/

/** Paths that this process works on now: a sweep must leave them. */
const underWay = new Set<string>()

/**
 * Makes a folder, whole or not at all. `fill` is given a temporary folder beside `final`; when it
 * is done, its files and folders are flushed to the disk and one rename puts it in place. On any
 * failure nothing is left behind; after a crash, {@link sweep} removes what is.
 *
 * @param final - the folder to make; its parent must exist, itself it must not
 * @param fill - writes the files into the folder it is given
 * @throws DiskError when the disk refuses, the parent is missing or `final` exists
 *
 * @example
 * ```ts
 * await writeFolder('out/model', async (tmp) => {
 *   await writeFile(join(tmp, 'notes.txt'), 'made whole')
 * })
 * ```
 */
export async function writeFolder(
  final: string,
  fill: (tmp: string) => Promise<void>
): Promise<void> {
  await mustNotExist(final)
  await replacing(final, 'writing', async (tmp) => {
    await mkdir(tmp)
    await fill(tmp)
    await flushTree(tmp)
  })
}

/**
 * Writes a text file, whole or not at all; one that exists is replaced in one step.
 *
 * @throws DiskError when the disk refuses
 */
export async function replaceFile(final: string, text: string): Promise<void> {
  await replaceWith(final, async (tmp) => {
    await writeBytes(tmp, [Buffer.from(text)])
  })
}

/**
 * Puts the file that `make` writes in place, whole or not at all; one that exists is replaced.
 *
 * @param make - writes and flushes the file at the path it is given
 * @throws DiskError when the disk refuses
 */
export async function replaceWith(
  final: string,
  make: (tmp: string) => Promise<void>
): Promise<void> {
  await replacing(final, 'writing', make)
}

/**
 * Removes a folder in one step as far as readers see: it is renamed first, then emptied.
 *
 * @throws DiskError when the disk refuses
 */
export async function removeFolder(folder: string): Promise<void> {
  const gone = temporary(folder, 'removing')
  underWay.add(gone)
  try {
    await rename(folder, gone)
    await flush(dirname(gone))
    await rm(gone, { recursive: true, force: true })
  } catch (error) {
    throw diskError('folder', 'remove', folder, error)
  } finally {
    underWay.delete(gone)
  }
}

/**
 * Removes what interrupted writes and removals left in `parent`. Call it when no other process
 * works there.
 *
 * @returns the names removed
 * @throws DiskError when the disk refuses
 */
export async function sweep(parent: string): Promise<readonly string[]> {
  try {
    const names = (await readdir(parent)).filter(
      (name) => LEFTOVER.test(name) && !underWay.has(resolve(parent, name))
    )
    for (const name of names) await rm(join(parent, name), { recursive: true, force: true })
    return names
  } catch (error) {
    throw diskError('folder', 'sweep', parent, error)
  }
}

async function replacing(
  final: string,
  verb: 'writing',
  make: (tmp: string) => Promise<void>
): Promise<void> {
  const tmp = temporary(final, verb)
  underWay.add(tmp)
  try {
    await make(tmp)
    await rename(tmp, final)
  } catch (error) {
    await rm(tmp, { recursive: true, force: true }).catch(() => {})
    throw placed(error, tmp, final)
  } finally {
    underWay.delete(tmp)
  }
  await flush(dirname(final)).catch((error: unknown) => {
    throw diskError('folder', 'flush', dirname(final), error)
  })
}

/** The error, speaking of the path the caller knows instead of the temporary one. */
function placed(error: unknown, tmp: string, final: string): unknown {
  if (!(error instanceof DiskError)) return diskError('folder', 'write', final, error)
  return new DiskError(error.message.replaceAll(tmp, final), error.code, error)
}

function temporary(final: string, verb: 'writing' | 'removing'): string {
  const whole = resolve(final)
  return join(dirname(whole), `.${basename(whole)}.${verb}-${randomBytes(6).toString('hex')}`)
}

async function mustNotExist(final: string): Promise<void> {
  try {
    await lstat(final)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw diskError('folder', 'write', final, error)
  }
  throw diskError('folder', 'write', final, failedCall('EEXIST', 'mkdir'))
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await flushTree(path)
    else if (entry.isFile()) await flush(path)
  }
  await flush(folder)
}

/** fsync of a file or folder; some file systems have none for folders (EINVAL). */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await flushAll(handle)
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw diskError('file', 'remove', path, error)
  }
}
