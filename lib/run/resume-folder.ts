/** Finds what a run folder holds that is to be resumed, and makes it ready for that. */
import { join } from 'node:path'
import { DamagedFileError, errnoOf } from '../util/files/errors.ts'
import { isObject, type Json, type JsonObject, readJson } from '../util/files/json.ts'
import { trimLog } from '../util/files/json-log.ts'
import { shown } from '../util/foreign.ts'
import { type Checkpoint, listCheckpoints, newestCheckpoint } from './checkpoint.ts'
import { LOG, OPTIONS } from './claim-folder.ts'
import { setAside } from './set-aside.ts'

/** A run before it is opened. */
export interface RunBefore {
  /** Its options; undefined if there are none, or they cannot be read. */
  readonly options: Json | undefined
  /** What is wrong with options.json, if it is damaged. */
  readonly damage?: string | undefined
  /** The state of the checkpoint that it resumes from; undefined if none is whole. */
  readonly state?: JsonObject | undefined
  /** Number of its checkpoints, damaged ones included. */
  readonly checkpoints: number
}

/** A run that was found in its folder. Nothing is changed there yet. */
export interface FoundRun {
  readonly before: RunBefore
  /** The newest checkpoint that is whole. */
  readonly checkpoint?: Checkpoint | undefined
  /** Damaged checkpoints that are newer, and why they are. */
  readonly damaged: readonly { readonly path: string; readonly reason: string }[]
}

/** A run that is new. */
export const newRun: FoundRun = { before: { options: undefined, checkpoints: 0 }, damaged: [] }

/**
 * Reads a run that is to be resumed.
 * @throws DiskError where it cannot be read for another reason than damage
 */
export async function findRun(folder: string): Promise<FoundRun> {
  const damaged: { path: string; reason: string }[] = []
  const checkpoint = await newestCheckpoint(folder, {
    onSkip: (reason, path) => damaged.push({ path, reason })
  })
  const checkpoints = (await listCheckpoints(folder)).length
  const options = await readOptions(join(folder, OPTIONS))
  return { before: { ...options, checkpoints, state: checkpoint?.state }, checkpoint, damaged }
}

/** @throws DiskError where they are there, and cannot be read for another reason than damage */
async function readOptions(path: string): Promise<Pick<RunBefore, 'options' | 'damage'>> {
  try {
    const options = await readJson(path)
    if (isObject(options)) return { options }
    return { options: undefined, damage: `${path}: expected an object, got ${shown(options)}` }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { options: undefined }
    if (!(error instanceof DamagedFileError)) throw error
    return { options: undefined, damage: error.message }
  }
}

/** Cuts the log back to the checkpoint, and renames what is damaged. */
export async function resumeRun(
  folder: string,
  { before, checkpoint, damaged }: FoundRun,
  onNote: (text: string) => void
): Promise<void> {
  for (const { path, reason } of damaged) {
    onNote(reason)
    onNote(`${path} is now ${await setAside(path)}`)
  }
  if (before.damage !== undefined) {
    const path = join(folder, OPTIONS)
    onNote(`${before.damage}; it is now ${await setAside(path)}`)
  }
  const log = join(folder, LOG)
  const trimmed = await trimLog(log, checkpoint?.step)
  for (const line of trimmed.damaged) onNote(`${log}: line ${line} is damaged and stays as it is`)
  for (const line of trimmed.dropped) onNote(`${log}: line ${line} is damaged and was cut off`)
  if (checkpoint === undefined) onNote(`no whole checkpoint in ${folder}: starts at step 0`)
  else onNote(`goes on after step ${checkpoint.step}, from ${checkpoint.folder}`)
}
