/** Checks that there is a run to resume. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { someOf } from '../util/words.ts'
import { runsIn } from './claim-folder.ts'
import { SettingsError } from './settings.ts'

/**
 * Checks that a folder holds a run. `openTraining` starts one where there is none, which is of no use to somebody who
 * mistyped the folder's name.
 *
 * @throws SettingsError where it holds none; it names runs in that folder, or beside it
 * @throws DiskError where it cannot be read
 */
export async function requireRun(out: string): Promise<void> {
  if ((await runsIn(out)).length > 0) return
  const inside = await runFoldersIn(out)
  const near = inside.length > 0 ? inside : await runFoldersIn(dirname(out))
  const found = await stat(out).catch(() => undefined)
  const got = !found ? 'nothing there' : found.isDirectory() ? 'a folder without one' : 'a file'
  const others = near.length === 0 ? '' : `, or name another with --out (${someOf(near)})`
  throw new SettingsError(
    `[resume] expected a run in ${out}, got ${got}: leave out --resume to start one${others}`
  )
}

/** The folders in a folder that hold runs. */
async function runFoldersIn(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const path = join(folder, name)
    if ((await runsIn(path).catch(() => [])).length > 0) found.push(path)
  }
  return found
}
