// The folder of a training run (--out): its options, its log, its checkpoints.
//
//   out/                    the first run
//     options.json          its options
//     log.jsonl             one JSON object a line, one line a step
//     checkpoint-00000120/  see checkpoint.ts
//     best.json             the best checkpoint, if the run is validated
//     control.json          written by a person: the wanted rate; see control.ts
//     rates.json            the changes of the rate
//     lock                  while a process works there
//     2/                    the second run, and so on: no run is overwritten

import { join } from 'node:path'
import type { Best } from '../training/loop/validation.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { callback, either, flag, maybe, plain, record, text, whole } from '../util/check/rules.ts'
import { replaceFile, sweep } from '../util/files/atomic.ts'
import { holding } from '../util/files/held.ts'
import { isObject, type Json, type JsonObject, jsonText, readJson } from '../util/files/json.ts'
import { JsonLog } from '../util/files/json-log.ts'
import {
  type Checkpoint,
  type CheckpointData,
  keepCheckpoints,
  writeCheckpoint
} from './checkpoint.ts'
import {
  type ClaimedFolder,
  claimFolder,
  LOG,
  OPTIONS,
  removeRun,
  removeRunNow
} from './claim-folder.ts'
import { findRun, newRun, type RunBefore, resumeRun } from './resume-folder.ts'

export type { RunBefore } from './resume-folder.ts'

const BEST = 'best.json'

/** Options of `openRun`. */
export interface RunOptions {
  /** True: resume from the newest checkpoint that is not damaged. False: start a new run in a folder of its own. */
  readonly resume: boolean
  /**
   * The run's options, stored as options.json: a plain object that JSON can hold. A function gets the run as it was
   * and returns them; if it throws, the folder is unchanged.
   */
  readonly options: object | ((before: RunBefore) => object)
  /** Checkpoints to keep that are not damaged, from 1. Default 3. */
  readonly keep?: number
  /** Called with notes for people, a sentence each: where the run resumes, what was skipped. */
  readonly onNote?: (text: string) => void
}

const runOptions = record<RunOptions>({
  resume: flag,
  options: either(plain, callback),
  keep: maybe(whole({ from: 1 })),
  onNote: maybe(callback)
})

/** An open run. Its folder is locked for this process until it is closed. */
export interface Run extends AsyncDisposable {
  /** Its folder: `out`, or a numbered folder in `out`. */
  readonly folder: string
  /** Steps done before; 0 for a new run. */
  readonly step: number
  /** False where another process writes, and calls that would do nothing. */
  readonly writes: boolean
  /** The options stored before; undefined for a new run, or if they cannot be read. */
  readonly previousOptions: Json | undefined
  /**
   * Returns the checkpoint to resume from; undefined for a new run. Later calls return undefined, so that its memory
   * can be collected.
   */
  takeCheckpoint(): Checkpoint | undefined
  /**
   * Appends a line to log.jsonl. Records that belong to a step must have `step`.
   *
   * @throws DiskError when the disk refuses
   */
  log(record: object): Promise<void>
  /**
   * Stores other options as options.json.
   *
   * @throws DiskError when the disk refuses
   * @throws TypeError when JSON cannot hold them
   */
  setOptions(options: object): Promise<void>
  /**
   * Saves a checkpoint, at most one a step, and removes old ones. It flushes the log first: log the steps before you
   * save.
   *
   * @param best the best checkpoint so far, which is kept, however old it is
   * @returns the checkpoint's folder
   * @throws DiskError when the disk refuses; earlier checkpoints are then unchanged
   */
  save(data: CheckpointData, best?: Best): Promise<string>
  /** True for a new run of which nothing was logged or saved yet. */
  readonly isBlank: boolean
  /**
   * Waits for saves in progress, closes the log and unlocks the folder. A run that is blank leaves nothing: its files
   * are removed, and the folders that were made for it, unless they hold something else.
   */
  close(): Promise<void>
}

/**
 * Opens the folder of a training run.
 *
 * Without `resume` it starts a new run: in `out`, or, if that holds a run, in `out/2`, `out/3`… With `resume` it resumes
 * the newest run in `out`, the one with the highest number, from its newest checkpoint that is not damaged. It cuts the
 * log back to that step and renames damaged checkpoints to `….damaged`. Without a checkpoint it starts at step 0.
 *
 * @param out the folder; it is made, with its parents, if it does not exist
 * @throws RangeError when `out` is empty, or `keep` is less than 1
 * @throws FolderInUseError when another process works on the run to resume
 * @throws DiskError when the disk refuses
 * @throws TypeError when JSON cannot hold the options
 *
 * @example
 * ```ts
 * await using run = await openRun('out', { resume: true, options: { lr: 0.01 } })
 * const checkpoint = run.takeCheckpoint()
 * await run.log({ step: run.step + 1, loss: 2.3 })
 * ```
 */
export async function openRun(out: string, options: RunOptions): Promise<Run> {
  checkArguments('run', { out: [out, text] })
  checkOptions('run', options, runOptions)
  const { resume, keep = 3, onNote = () => {} } = options
  const settle = (before: RunBefore): object => {
    const settled =
      typeof options.options === 'function' ? options.options(before) : options.options
    checkArguments('run', { 'options, what it gives': [settled, plain] })
    return settled
  }
  if (!resume) jsonText(settle({ options: undefined, checkpoints: 0 }), 'options')
  const claimed = await claimFolder(out, resume, onNote)
  const { folder, lock, isNew } = claimed
  const begun = isNew ? holding(() => removeRunNow(claimed)) : () => {}
  try {
    if (folder !== out)
      onNote(`${out} holds a run: ${resume ? 'its newest is' : 'this one is'} ${folder}`)
    await sweep(folder)
    const found = resume ? await findRun(folder) : newRun
    const { checkpoint, before } = found
    const text = jsonText(settle(before), 'options')
    if (resume) await resumeRun(folder, found, onNote)
    // A process that was killed after saving left one too many.
    const spare = (await bestStep(folder)) ?? bestIn(before.state)
    if (checkpoint) await keepCheckpoints(folder, keep, { trusted: checkpoint.folder, spare })
    await replaceFile(join(folder, OPTIONS), text)
    const log = await JsonLog.open(join(folder, LOG))
    const previousOptions = before.options
    return new OpenRun({ ...claimed, begun, log, keep, checkpoint, previousOptions })
  } catch (error) {
    begun()
    await (isNew ? removeRun(claimed) : lock.release()).catch(() => {})
    throw error
  }
}

interface OpenRunParts extends ClaimedFolder {
  readonly log: JsonLog
  readonly keep: number
  readonly checkpoint: Checkpoint | undefined
  readonly previousOptions: Json | undefined
  /** Says that the run is to be kept, even if the process has to end at once. */
  readonly begun: () => void
}

class OpenRun implements Run {
  readonly #parts: Omit<OpenRunParts, 'checkpoint'>
  readonly step: number
  readonly writes = true
  #checkpoint: Checkpoint | undefined
  #saved: { readonly step: number; readonly folder: string } | undefined
  #best: number | undefined
  #saving: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined
  #blank: boolean

  constructor({ checkpoint, ...parts }: OpenRunParts) {
    this.#parts = parts
    this.step = checkpoint?.step ?? 0
    this.#checkpoint = checkpoint
    this.#saved = checkpoint && { step: checkpoint.step, folder: checkpoint.folder }
    this.#blank = parts.isNew
  }

  get isBlank(): boolean {
    return this.#blank
  }

  get folder(): string {
    return this.#parts.folder
  }

  get previousOptions(): Json | undefined {
    return this.#parts.previousOptions
  }

  #begin(): void {
    this.#blank = false
    this.#parts.begun()
  }

  takeCheckpoint(): Checkpoint | undefined {
    const checkpoint = this.#checkpoint
    this.#checkpoint = undefined
    return checkpoint
  }

  log(record: object): Promise<void> {
    this.#begin()
    return this.#parts.log.append(record)
  }

  async setOptions(options: object): Promise<void> {
    this.#begin()
    await replaceFile(join(this.folder, OPTIONS), jsonText(options, 'options'))
  }

  save(data: CheckpointData, best?: Best): Promise<string> {
    if (this.#closing !== undefined) {
      const error = new Error(`[run] expected ${this.folder} open, got closed; save before close()`)
      return Promise.reject(error)
    }
    this.#begin()
    const turn = this.#saving.then(() => this.#save(data, best))
    this.#saving = turn.catch(() => {})
    return turn
  }

  async #save(data: CheckpointData, best: Best | undefined): Promise<string> {
    const saved = this.#saved
    let folder = saved?.folder
    if (folder === undefined || saved?.step !== data.step) {
      await this.#parts.log.flush()
      folder = await writeCheckpoint(this.folder, data)
      this.#saved = { step: data.step, folder }
    }
    if (best && best.step !== this.#best) {
      await replaceFile(join(this.folder, BEST), jsonText(best, 'best'))
      this.#best = best.step
    }
    await keepCheckpoints(this.folder, this.#parts.keep, { trusted: folder, spare: this.#best })
    return folder
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#saving
    try {
      await this.#parts.log.close()
    } finally {
      this.#parts.begun()
      await (this.#blank ? removeRun(this.#parts) : this.#parts.lock.release())
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The step of the best checkpoint by the state of a validated run: best.json may be lost. */
function bestIn(state: JsonObject | undefined): number | undefined {
  const inside = (value: unknown, name: string) => (isObject(value) ? value[name] : undefined)
  const validation = inside(inside(state, 'train'), 'validation')
  const step = inside(inside(validation, 'best'), 'step')
  return typeof step === 'number' ? step : undefined
}

/** The step of the best checkpoint; undefined if there is none, or best.json cannot be read. */
export async function bestStep(folder: string): Promise<number | undefined> {
  const best = await readIfPossible(join(folder, BEST))
  return isObject(best) && Number.isSafeInteger(best.step) ? Number(best.step) : undefined
}

async function readIfPossible(path: string): Promise<Json | undefined> {
  try {
    return await readJson(path)
  } catch {
    return undefined
  }
}
