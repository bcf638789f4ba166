/**
 * Flushes files by their descriptors: the file handles that Yarn's Plug'n'Play puts in place of Node's have
 * neither sync() nor datasync().
 */
import { fdatasync, fsync } from 'node:fs'
import { promisify } from 'node:util'

interface Opened {
  readonly fd: number
}

/** Flushes an open file or folder (fsync). */
export async function flushAll({ fd }: Opened): Promise<void> {
  await promisify(fsync)(fd)
}

/** Flushes the content of an open file, without its times (fdatasync). */
export async function flushData({ fd }: Opened): Promise<void> {
  await promisify(fdatasync)(fd)
}
