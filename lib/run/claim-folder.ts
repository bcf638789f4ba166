import { mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskError, errnoOf, failedCall } from '../util/files/errors.ts'
import { FolderInUseError, FolderLock } from '../util/files/lock.ts'
import { stepOf } from './checkpoint.ts'

export const OPTIONS = 'options.json'
export const LOG = 'log.jsonl'

/** Is told why there is a wait. */
type Noting = (text: string) => void

/** A folder for one run, locked for this process. */
export interface ClaimedFolder {
  readonly folder: string
  readonly lock: FolderLock
}

/** Claims a folder for a new run: `out`, or `out/N` with a new number if `out` holds a run. */
export async function claimNew(out: string, onNote: Noting): Promise<ClaimedFolder> {
  if ((await runsIn(out)).length === 0) {
    const claim = await claimEmpty(out, onNote)
    if (claim !== undefined) return claim
  }
  for (let number = Math.max(1, ...(await numbersIn(out))) + 1; ; number += 1) {
    const folder = join(out, String(number))
    const claim = (await makeNew(folder)) ? await claimEmpty(folder, onNote) : undefined
    if (claim !== undefined) return claim
  }
}

/** Claims a folder unless it holds a run or another process starts one there. */
async function claimEmpty(folder: string, onNote: Noting): Promise<ClaimedFolder | undefined> {
  let lock: FolderLock
  try {
    lock = await FolderLock.take(folder, { onNote })
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined
    throw error
  }
  if (!(await holdsRun(folder))) return { folder, lock }
  await lock.release()
  return undefined
}

/**
 * Claims the folder of the newest run in `out`.
 * @throws FolderInUseError when another process works there
 */
export async function claimNewest(out: string, onNote: Noting): Promise<ClaimedFolder> {
  const folder = await newestRun(out)
  return { folder, lock: await FolderLock.take(folder, { onNote }) }
}

/** The folder of the newest run in `out`; `out` itself if it holds none. */
export async function newestRun(out: string): Promise<string> {
  return (await runsIn(out)).at(0) ?? out
}

/** The folders of runs in `out`, newest first. `out` itself is the oldest. */
async function runsIn(out: string): Promise<readonly string[]> {
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

async function holdsRun(folder: string): Promise<boolean> {
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

/** Makes a folder and its parents, unless they exist. */
export async function makeFolder(folder: string, parentIsThere = false): Promise<void> {
  try {
    // Not with `recursive`: on a read-only disk that gives ENOENT.
    await mkdir(folder)
  } catch (error) {
    const parent = dirname(folder)
    // Some file systems, such as /proc, give ENOENT although the parent exists.
    if (errnoOf(error) === 'ENOENT' && parent !== folder && !parentIsThere) {
      await makeFolder(parent)
      return makeFolder(folder, true)
    }
    const there = await stat(folder).catch(() => undefined)
    if (there?.isDirectory()) return
    throw diskError('run', 'make', folder, there ? failedCall('ENOTDIR', 'mkdir') : error)
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
