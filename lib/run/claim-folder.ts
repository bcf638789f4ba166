import { rmdirSync, rmSync } from 'node:fs'
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFile } from '../util/files/atomic.ts'
import { diskError, errnoOf } from '../util/files/errors.ts'
import { FolderInUseError, FolderLock } from '../util/files/lock.ts'
import { makeFolder } from '../util/files/make-folder.ts'
import { stepOf } from './checkpoint.ts'

export const OPTIONS = 'options.json'
export const LOG = 'log.jsonl'

/** Is told why there is a wait. */
type Noting = (text: string) => void

/** A folder for one run, locked for this process. */
export interface ClaimedFolder {
  readonly folder: string
  readonly lock: FolderLock
  /** True if it holds no run yet. */
  readonly isNew: boolean
  /** Folders that were made for it, the outer ones first. */
  readonly made: readonly string[]
}

/** Times that a folder is made which another process removes at once, as its start failed. */
const ATTEMPTS = 10

/**
 * Claims a folder, which it makes with its parents: for a new run `out`, or `out/N` with a new number if `out` holds a
 * run; to resume, that of the newest run in `out`.
 *
 * @throws FolderInUseError when another process works on the run to resume
 * @throws DiskError when the disk refuses; folders that were made are removed then
 */
export async function claimFolder(
  out: string,
  resume: boolean,
  onNote: Noting
): Promise<ClaimedFolder> {
  for (let attempt = 1; ; attempt++) {
    const made: string[] = []
    try {
      await makeFolder('run', out, made)
      return { ...(await (resume ? claimNewest : claimNew)(out, made, onNote)), made }
    } catch (error) {
      await removeEmpty(made)
      const isGone = errnoOf(error) === 'ENOENT' && made.length === 0
      if (!isGone || attempt === ATTEMPTS) throw error
    }
  }
}

/**
 * Removes what a run has in its folder that did not begin, and the folders that were made for it. What others put there
 * stays, and so do the folders around it.
 */
export async function removeRun({ folder, lock, made }: ClaimedFolder): Promise<void> {
  try {
    await removeFile(join(folder, OPTIONS))
    await removeFile(join(folder, LOG))
  } finally {
    await lock.release()
  }
  await removeEmpty(made)
}

/** Does the same at once, for a process that has to end: its lock is removed by then. */
export function removeRunNow({ folder, made }: ClaimedFolder): void {
  for (const name of [OPTIONS, LOG]) rmSync(join(folder, name), { force: true })
  for (const one of [...made].reverse()) rmdirSync(one)
}

/** Removes folders that are empty, the inner ones first. */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  // One that is not empty is somebody else's by now; an empty one that cannot be removed does no harm.
  for (const folder of [...folders].reverse()) await rmdir(folder).catch(() => {})
}

type Claim = Omit<ClaimedFolder, 'made'>

async function claimNew(out: string, made: string[], onNote: Noting): Promise<Claim> {
  if ((await runsIn(out)).length === 0) {
    const claim = await claimEmpty(out, onNote)
    if (claim !== undefined) return claim
  }
  for (let number = Math.max(1, ...(await numbersIn(out))) + 1; ; number += 1) {
    const folder = join(out, String(number))
    if (!(await makeNew(folder))) continue
    made.push(folder)
    const claim = await claimEmpty(folder, onNote)
    if (claim !== undefined) return claim
    made.pop()
  }
}

/** Claims a folder unless it holds a run or another process starts one there. */
async function claimEmpty(folder: string, onNote: Noting): Promise<Claim | undefined> {
  let lock: FolderLock
  try {
    lock = await FolderLock.take(folder, { onNote })
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined
    throw error
  }
  if (!(await holdsRun(folder))) return { folder, lock, isNew: true }
  await lock.release()
  return undefined
}

async function claimNewest(out: string, _made: string[], onNote: Noting): Promise<Claim> {
  const folder = await newestRun(out)
  const lock = await FolderLock.take(folder, { onNote })
  return { folder, lock, isNew: !(await holdsRun(folder)) }
}

/** The folder of the newest run in `out`; `out` itself if it holds none. */
export async function newestRun(out: string): Promise<string> {
  return (await runsIn(out)).at(0) ?? out
}

/** The folders of runs in `out`, newest first. `out` itself is the oldest. */
export async function runsIn(out: string): Promise<readonly string[]> {
  const numbers = [...(await numbersIn(out))].sort((a, b) => b - a)
  const runs: string[] = []
  for (const folder of [...numbers.map((number) => join(out, String(number))), out]) {
    if (await holdsRun(folder)) runs.push(folder)
  }
  return runs
}

/** Numbers from 2 among the names in `out`. */
async function numbersIn(out: string): Promise<readonly number[]> {
  const names = await namesIn(out)
  return names.filter((name) => /^[1-9]\d{0,8}$/.test(name) && name !== '1').map(Number)
}

export async function holdsRun(folder: string): Promise<boolean> {
  const names = await namesIn(folder)
  return names.some((name) => name === OPTIONS || name === LOG || stepOf(name) !== undefined)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOTDIR' || code === 'ENOENT') return []
    throw diskError('run', 'read', folder, error)
  }
}

/** Makes a folder; false if something of that name exists. */
async function makeNew(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw diskError('run', 'make', folder, error)
  }
}
