import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError, errnoOf, failedCall } from './errors.ts'

/**
 * Makes a folder and its parents, unless they exist. Node's `recursive` does not come back where a file system, such as
 * /proc, gives ENOENT although the parent exists.
 *
 * @param topic begins the errors
 * @param made gets what was made
 * @throws DiskError if the disk refuses
 */
export async function makeFolder(
  topic: string,
  folder: string,
  made: string[] = [],
  parentIsThere = false
): Promise<void> {
  try {
    // Not with `recursive`: on a read-only disk that gives ENOENT.
    await mkdir(folder)
    made.push(folder)
  } catch (error) {
    const parent = dirname(folder)
    // Some file systems, such as /proc, give ENOENT although the parent exists.
    if (errnoOf(error) === 'ENOENT' && parent !== folder && !parentIsThere) {
      await makeFolder(topic, parent, made)
      return makeFolder(topic, folder, made, true)
    }
    const there = await stat(folder).catch(() => undefined)
    if (there?.isDirectory()) return
    throw diskError(topic, 'make', folder, there ? failedCall('ENOTDIR', 'mkdir') : error)
  }
}
