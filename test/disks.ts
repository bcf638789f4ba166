// Disks that refuse, for tests: a full one, a read-only one, a folder that may not be written.

import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why no small disk can be mounted here, or false: for the `skip` of a test. */
export const noSmallDisk: string | false = tryMount()

function tryMount(): string | false {
  if (process.platform !== 'linux') return 'small disks are mounted on Linux only'
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root'
  try {
    unmount(mount(64))
    return false
  } catch (error) {
    return String(error)
  }
}

/** A disk (tmpfs) of so many KiB, unmounted when the test ends. */
export function smallDisk(t: { teardown(fn: () => void): void }, kib: number): string {
  const path = mount(kib)
  t.teardown(() => unmount(path))
  return path
}

function mount(kib: number): string {
  const path = mkdtempSync(join(tmpdir(), 'alexnode-disk-'))
  const options = `size=${kib}k,nr_inodes=200,mode=755`
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path])
  if (done.status === 0) return path
  rmdirSync(path)
  throw new Error(`mount: ${done.stderr}`)
}

function unmount(path: string): void {
  spawnSync('umount', [path])
  rmdirSync(path)
}

/** Makes a disk of {@link smallDisk} read-only, or writable again. */
export function setReadOnly(path: string, readOnly: boolean): void {
  const done = spawnSync('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, path])
  if (done.status !== 0) throw new Error(String(done.stderr))
}

/** Fills a disk of {@link smallDisk} to the last byte; the function given back frees it again. */
export function fillUp(path: string): () => void {
  const file = `${path}/ballast`
  const handle = openSync(file, 'w')
  for (const piece of [65536, 4096, 1]) {
    try {
      for (;;) writeSync(handle, Buffer.alloc(piece))
    } catch {
      // Full for pieces of this size.
    }
  }
  closeSync(handle)
  return () => rmSync(file)
}

/** Runs `act` where `folder` may not be written: as root, in the guise of another user. */
export async function forbidden(folder: string, act: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o555 })
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65534)
  try {
    await act()
  } finally {
    if (root) process.seteuid?.(0)
  }
}
