/** The settings that a run was started with: its newest checkpoint has a copy of what options.json says. */
import { join } from 'node:path'
import { isJsonObject, isObject, readJson } from '../util/files/json.ts'
import { shown } from '../util/foreign.ts'
import { listCheckpoints } from './checkpoint.ts'
import { newestRun, OPTIONS } from './claim-folder.ts'
import { flagOf, settingNames } from './flags.ts'
import type { RunBefore } from './resume-folder.ts'
import { isFree, isLength, isSame, SettingsError } from './settings.ts'

/** Settings as they lie in a file, which may be those of another version. */
export type SavedSettings = Readonly<Record<string, unknown>>

/**
 * The settings that a run was started with, to be kept by one that resumes it. The checkpoint's own copy counts. The
 * length alone may differ where the rate does not depend on it: it was changed by a resume that has not saved yet.
 *
 * @param defaults settings that a checkpoint of an older version does not name
 * @param onNote is told where options.json is missing or damaged
 * @returns undefined for a run that has neither a checkpoint nor options
 * @throws SettingsError where options.json differs, or is damaged or missing and there is no copy
 */
export function savedSettings(
  before: RunBefore,
  defaults: SavedSettings,
  onNote: (text: string) => void = () => {}
): SavedSettings | undefined {
  const { options, damage, state, checkpoints } = before
  const file = options !== undefined && isObject(options) ? options : undefined
  const copy = state?.options
  if (!isObject(copy)) {
    if (file || (checkpoints === 0 && damage === undefined)) return file
    throw new SettingsError(
      `[resume] expected the options of the run in ${OPTIONS}, got ${damage ?? 'no such file'}, and ` +
        'no whole checkpoint that has a copy: restore the file, or start a new run without --resume'
    )
  }
  if (!file) {
    onNote(`${damage ?? `there is no ${OPTIONS}`}: the options are those of the checkpoint`)
    return copy
  }
  const free = isFree(copy)
  const differences = settingNames.flatMap((name) => {
    const [was, is] = [copy[name] ?? defaults[name], file[name] ?? defaults[name]]
    if (isSame(was, is) || (free && isLength(name))) return []
    return [`${flagOf(name)} was ${shown(copy[name])} and is ${shown(file[name])}`]
  })
  if (differences.length > 0) {
    throw new SettingsError(
      `[resume] expected ${OPTIONS} to say what the checkpoint was trained with; ` +
        `${differences.join(', ')} in ${OPTIONS}: restore the file, or remove it to go on with the ` +
        "checkpoint's own copy"
    )
  }
  const lengths = (settings: SavedSettings, kept: boolean) =>
    Object.entries(settings).filter(([name]) => isLength(name) === kept)
  return free ? Object.fromEntries([...lengths(copy, false), ...lengths(file, true)]) : copy
}

/**
 * The settings of the newest run in a folder, as far as they can be read: for what has to be known before it is
 * opened, which checks them.
 */
export async function peekSettings(out: string): Promise<SavedSettings> {
  const folder = await newestRun(out)
  const read = async (path: string) => {
    const value = await readJson(path).catch(() => undefined)
    return value !== undefined && isJsonObject(value) ? value : undefined
  }
  const file = await read(join(folder, OPTIONS))
  if (file) return file
  const [newest] = await listCheckpoints(folder)
  const { state } = (newest && (await read(join(newest.folder, 'state.json')))) ?? {}
  const copy = isObject(state) ? state.options : undefined
  return isObject(copy) ? copy : {}
}
