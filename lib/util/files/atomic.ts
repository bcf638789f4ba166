/**
 * Atomic writes of files and folders. They are written under a temporary name beside their place, flushed
 * (fsync), and renamed. A sweep removes temporary ones that an interrupted process left.
 */

import { randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { link, lstat, mkdir, readdir, rename, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { withFile, writeBytes } from './bytes.ts'
import { DiskError, diskError, errnoOf, failedCall, onDisk } from './errors.ts'
import { flushAll } from './flush.ts'
import { holding } from './held.ts'

/** Temporary names: `.checkpoint-00000120.writing-5a1f0c9be2d4`, or `removing`. */
const LEFTOVER = /^\..+\.(?:writing|removing)-[0-9a-f]{12}$/

/** Paths that this process works on now; a sweep leaves them. */
const inUse = new Set<string>()

/** Marks a path as in use. @returns unmarks it */
function using(path: string): () => void {
  inUse.add(path)
  // A file goes when the process has to end at once; a folder is swept later.
  const forget = holding(() => unlinkSync(path))
  return () => {
    inUse.delete(path)
    forget()
  }
}

/**
 * Makes a folder atomically. A failure leaves nothing; after a crash {@link sweep} removes the temporary folder.
 *
 * @param final the folder; it must not exist, its parent must
 * @param fill writes files into the temporary folder
 * @throws DiskError if the disk refuses, the parent is missing or `final` exists
 *
 * @example
 * await writeFolder('out/model', async (tmp) => {
 *   await writeFile(join(tmp, 'notes.txt'), 'complete')
 * })
 */
export async function writeFolder(
  final: string,
  fill: (tmp: string) => Promise<void>
): Promise<void> {
  await mustNotExist(final)
  await replacing(final, async (tmp) => {
    await mkdir(tmp)
    await fill(tmp)
    await flushTree(tmp)
  })
}

/**
 * Writes or replaces a text file atomically.
 *
 * @throws DiskError if the disk refuses
 */
export async function replaceFile(final: string, text: string): Promise<void> {
  await replaceWith(final, async (tmp) => {
    await writeBytes(tmp, [Buffer.from(text)])
  })
}

/**
 * Writes or replaces a file atomically.
 *
 * @param make writes and flushes the file at the temporary path
 * @throws DiskError if the disk refuses
 */
export async function replaceWith(
  final: string,
  make: (tmp: string) => Promise<void>
): Promise<void> {
  await replacing(final, make)
}

/**
 * Creates a text file with all that it holds, or not at all.
 *
 * @returns false if it exists
 * @throws an error of the disk
 */
export async function createFile(final: string, text: string): Promise<boolean> {
  const tmp = temporary(final, 'writing')
  const done = using(tmp)
  try {
    await withFile(tmp, 'wx', (handle) => handle.writeFile(text))
    await link(tmp, final)
    return true
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EEXIST') return false
    // Another process, which holds the folder now, has swept it.
    if (code === 'ENOENT' && (await isThere(final))) return false
    if (!NO_LINKS.has(code ?? '')) throw error
    return await createByWriting(final, text)
  } finally {
    await rm(tmp, { force: true }).catch(() => {})
    done()
  }
}

/** What file systems without hard links say. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])

async function createByWriting(final: string, text: string): Promise<boolean> {
  try {
    await withFile(final, 'wx', async (handle) => {
      await handle.writeFile(text).catch(async (error: unknown) => {
        await rm(final, { force: true })
        throw error
      })
    })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false
  )
}

/**
 * Removes a folder atomically: it is renamed first, then emptied.
 *
 * @throws DiskError if the disk refuses
 */
export async function removeFolder(folder: string): Promise<void> {
  const gone = temporary(folder, 'removing')
  const done = using(gone)
  try {
    await onDisk('folder', 'remove', folder, async () => {
      await rename(folder, gone)
      await flush(dirname(gone))
      await rm(gone, { recursive: true, force: true })
    })
  } finally {
    done()
  }
}

/**
 * Removes temporary files and folders that interrupted processes left. No other process may work in `parent`.
 *
 * @returns the removed names
 * @throws DiskError if the disk refuses
 */
export function sweep(parent: string): Promise<readonly string[]> {
  return onDisk('folder', 'sweep', parent, async () => {
    const names = (await readdir(parent)).filter(
      (name) => LEFTOVER.test(name) && !inUse.has(resolve(parent, name))
    )
    for (const name of names) await rm(join(parent, name), { recursive: true, force: true })
    return names
  })
}

async function replacing(final: string, make: (tmp: string) => Promise<void>): Promise<void> {
  const tmp = temporary(final, 'writing')
  const done = using(tmp)
  try {
    await make(tmp)
    await rename(tmp, final)
  } catch (error) {
    await rm(tmp, { recursive: true, force: true }).catch(() => {})
    throw withFinalPath(error, tmp, final)
  } finally {
    done()
  }
  await onDisk('folder', 'flush', dirname(final), () => flush(dirname(final)))
}

/** The error, with the final path in place of the temporary one. */
function withFinalPath(error: unknown, tmp: string, final: string): unknown {
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

/** Flushes a file or folder. Some file systems refuse fsync of folders (EINVAL). */
async function flush(path: string): Promise<void> {
  await withFile(path, 'r', async (handle) => {
    await flushAll(handle).catch((error: unknown) => {
      if (errnoOf(error) !== 'EINVAL') throw error
    })
  })
}

/** Removes a file, if it exists. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw diskError('file', 'remove', path, error)
  }
}
