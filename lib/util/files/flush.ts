/**
 * What was written goes to the disk. By the file's descriptor, since the file handles that Yarn's Plug'n'Play puts
 * in the place of Node's have neither sync() nor datasync().
 */
import { fdatasync, fsync } from 'node:fs'
import { promisify } from 'node:util'

interface Opened {
  readonly fd: number
}

/** Waits until all of an open file or folder is on the disk. */
export async function flushAll({ fd }: Opened): Promise<void> {
  await promisify(fsync)(fd)
}

/** Waits until what an open file holds is on the disk; its times may come later. */
export async function flushData({ fd }: Opened): Promise<void> {
  await promisify(fdatasync)(fd)
}
