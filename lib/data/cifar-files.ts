/** The files of a CIFAR set: in a folder, or in a plain tar of it. */
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readAll, withFile } from '../util/files/bytes.ts'
import { onDisk } from '../util/files/errors.ts'
import { tarMembers } from './photos/files/tar.ts'

/** Files that are read whole. */
export interface SetFiles {
  /** Path of a file, for messages. */
  path(file: string): string
  has(file: string): Promise<boolean>
  /** @throws DiskError if it cannot be read */
  read(file: string): Promise<Buffer>
}

/** A tar of a CIFAR set has nine members at most. */
const MAX_MEMBERS = 32

/** The files of a folder. */
export function folderFiles(folder: string): SetFiles {
  return {
    path: (file) => join(folder, file),
    has: async (file) => (await stat(join(folder, file)).catch(() => undefined))?.isFile() ?? false,
    read: (file) => onDisk('data', 'read', join(folder, file), () => readFile(join(folder, file)))
  }
}

/** The files of a tar by their last names; undefined if it is none, or has too many. */
export async function tarFiles(tar: string): Promise<SetFiles | undefined> {
  const found = new Map<string, { readonly offset: number; readonly bytes: number }>()
  const list = () =>
    withFile(tar, 'r', async (file) => {
      const { size } = await file.stat()
      const read = (into: Uint8Array, at: number) => readAll(file, into, at)
      for await (const { kind, name, offset, bytes } of tarMembers(read, tar, 0, size, () => {})) {
        if (kind === 'file') found.set(basename(name), { offset, bytes })
        if (found.size > MAX_MEMBERS) return
      }
    })
  // A damaged tar gets its error later, where pictures are looked for in it.
  await list().catch(() => found.clear())
  if (found.size === 0 || found.size > MAX_MEMBERS) return
  return {
    path: (file) => `${tar}, ${file}`,
    has: async (file) => found.has(file),
    read: (name) =>
      onDisk('data', 'read', tar, () =>
        withFile(tar, 'r', async (file) => {
          const { offset = 0, bytes = 0 } = found.get(name) ?? {}
          const into = Buffer.alloc(bytes)
          return into.subarray(0, await readAll(file, into, offset))
        })
      )
  }
}
