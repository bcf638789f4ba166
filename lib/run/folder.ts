// The folder of a training run (--out): its options, its log, its checkpoints.
//
//   out/                    the first run
//     options.json          what it was started with
//     log.jsonl             one JSON object a line, one line a step
//     checkpoint-00000120/  see checkpoint.ts
//     best.json             which of them is the best, of a run that is validated
//     control.json          a person's: the rate that is wanted; see control.ts
//     rates.json            which rates were, and from which steps on
//     lock                  while a process works there
//     2/                    the second run, and so on: a run is never overwritten

import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile, sweep } from '../util/files/atomic.ts'
import { diskError, errnoOf, failedCall } from '../util/files/errors.ts'
import { isObject, type Json, jsonText, readJson } from '../util/files/json.ts'
import { JsonLog, trimLog } from '../util/files/json-log.ts'
import { FolderInUseError, FolderLock } from '../util/files/lock.ts'
import {
  type Checkpoint,
  type CheckpointData,
  keepCheckpoints,
  listCheckpoints,
  newestCheckpoint,
  stepOf,
  writeCheckpoint
} from './checkpoint.ts'

const BEST = 'best.json'
const OPTIONS = 'options.json'
const LOG = 'log.jsonl'

/** What there was of a run before it is opened. */
export interface RunBefore {
  /** What it was started with, where that can be read. */
  readonly options: Json | undefined
  /** How many checkpoints it has, whole or not. */
  readonly checkpoints: number
}

/** The best checkpoint, kept as best.json. */
export interface Best {
  readonly step: number
  /** Of the validation images: the fraction whose class did not come first. */
  readonly error: number
  readonly loss: number
}

/** How a run is opened. */
export interface RunOptions {
  /** Go on from the newest whole checkpoint; else a new run begins, in a folder of its own. */
  readonly resume: boolean
  /**
   * What the run is started with, kept as options.json: a plain object that JSON can hold. A function is
   * told of the run to go on with; where it throws, nothing there is changed.
   */
  readonly options: object | ((before: RunBefore) => object)
  /** How many whole checkpoints to keep: from 1. Default 3. */
  readonly keep?: number
  /** Told, in a sentence each, what a person should know: where it goes on, what was skipped. */
  readonly onNote?: (text: string) => void
}

/** A run that is this process's alone until it is closed. */
export interface Run extends AsyncDisposable {
  /** Where it lies: `out`, or a numbered folder in it. */
  readonly folder: string
  /** The step it goes on after; 0 for a new run. */
  readonly step: number
  /** The options that the run was started with before, when it is resumed and they are there. */
  readonly previousOptions: Json | undefined
  /**
   * The checkpoint it goes on from; undefined for a new run. Handed over once, so that its bytes
   * can be collected: later calls give undefined.
   */
  takeCheckpoint(): Checkpoint | undefined
  /**
   * Appends a line to log.jsonl, with `step` for whatever belongs to a step.
   *
   * @throws DiskError when the disk refuses
   */
  log(record: object): Promise<void>
  /**
   * Saves a checkpoint, once a step, and removes old ones. Log the steps up to it before: the log
   * is flushed first, so that it is never behind a checkpoint.
   *
   * @param best - the best checkpoint so far, which stays, however old it is
   * @returns the checkpoint's folder
   * @throws DiskError when the disk refuses: the checkpoints before it are as they were
   */
  save(data: CheckpointData, best?: Best): Promise<string>
  /** Waits for what is under way, and gives the folder free. */
  close(): Promise<void>
}

/**
 * Opens the folder of a training run.
 *
 * Without `resume` a new run begins: in `out`, or, where that holds a run already, in `out/2`,
 * `out/3`… With `resume` the newest run there (the one with the highest number) goes on from its
 * newest whole checkpoint, its log cut back to that step; damaged checkpoints are renamed to
 * `….damaged`. With none it starts at 0.
 *
 * @param out - the folder; made when it is not there, with its parents
 * @throws FolderInUseError when `resume` meets another process at work
 * @throws DiskError when the disk refuses
 * @throws TypeError when `out` is empty, or JSON cannot hold the options
 *
 * @example
 * ```ts
 * await using run = await openRun('out', { resume: true, options: { lr: 0.01 } })
 * const checkpoint = run.takeCheckpoint()
 * await run.log({ step: run.step + 1, loss: 2.3 })
 * ```
 */
export async function openRun(out: string, options: RunOptions): Promise<Run> {
  const { resume, keep = 3, onNote = () => {} } = options
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new RangeError(`[run] keep: expected a whole number from 1, got ${keep}; keep at least 1`)
  }
  if (out === '') throw new TypeError('[run] out: expected a folder, got ""; name one, as "out"')
  const settle = typeof options.options === 'function' ? options.options : () => options.options
  if (!resume) jsonText(settle({ options: undefined, checkpoints: 0 }), 'options')
  await makeFolder(out)
  const claimed = resume ? await claimNewest(out) : await claimNew(out)
  const { folder, lock } = claimed
  try {
    if (folder !== out)
      onNote(`${out} holds a run: ${resume ? 'its newest is' : 'this one is'} ${folder}`)
    await sweep(folder)
    const previousOptions = resume ? await previous(join(folder, OPTIONS)) : undefined
    const checkpoints = resume ? (await listCheckpoints(folder)).length : 0
    const text = jsonText(settle({ options: previousOptions, checkpoints }), 'options')
    const checkpoint = resume ? await goOn(folder, onNote) : undefined
    // A process killed between saving and clearing up left one too many.
    const spare = await bestStep(folder)
    if (checkpoint) await keepCheckpoints(folder, keep, { trusted: checkpoint.folder, spare })
    await replaceFile(join(folder, OPTIONS), text)
    const log = await JsonLog.open(join(folder, LOG))
    return new OpenRun(folder, lock, log, keep, checkpoint, previousOptions)
  } catch (error) {
    await lock.release().catch(() => {})
    throw error
  }
}

class OpenRun implements Run {
  readonly folder: string
  readonly step: number
  readonly previousOptions: Json | undefined
  readonly #lock: FolderLock
  readonly #log: JsonLog
  readonly #keep: number
  #checkpoint: Checkpoint | undefined
  #saved: { readonly step: number; readonly folder: string } | undefined
  #best: number | undefined
  #saving: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(
    folder: string,
    lock: FolderLock,
    log: JsonLog,
    keep: number,
    checkpoint: Checkpoint | undefined,
    previousOptions: Json | undefined
  ) {
    this.folder = folder
    this.step = checkpoint?.step ?? 0
    this.previousOptions = previousOptions
    this.#lock = lock
    this.#log = log
    this.#keep = keep
    this.#checkpoint = checkpoint
    this.#saved = checkpoint && { step: checkpoint.step, folder: checkpoint.folder }
  }

  takeCheckpoint(): Checkpoint | undefined {
    const checkpoint = this.#checkpoint
    this.#checkpoint = undefined
    return checkpoint
  }

  log(record: object): Promise<void> {
    return this.#log.append(record)
  }

  save(data: CheckpointData, best?: Best): Promise<string> {
    if (this.#closing !== undefined) {
      const error = new Error(`[run] expected ${this.folder} open, got closed; save before close()`)
      return Promise.reject(error)
    }
    const turn = this.#saving.then(() => this.#save(data, best))
    this.#saving = turn.catch(() => {})
    return turn
  }

  async #save(data: CheckpointData, best: Best | undefined): Promise<string> {
    const saved = this.#saved
    let folder = saved?.folder
    if (folder === undefined || saved?.step !== data.step) {
      await this.#log.flush()
      folder = await writeCheckpoint(this.folder, data)
      this.#saved = { step: data.step, folder }
    }
    if (best && best.step !== this.#best) {
      await replaceFile(join(this.folder, BEST), jsonText(best, 'best'))
      this.#best = best.step
    }
    await keepCheckpoints(this.folder, this.#keep, { trusted: folder, spare: this.#best })
    return folder
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#saving
    try {
      await this.#log.close()
    } finally {
      await this.#lock.release()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

interface Claim {
  readonly folder: string
  readonly lock: FolderLock
}

/** A folder for a new run: `out` itself, or one in it numbered after all that are there. */
async function claimNew(out: string): Promise<Claim> {
  if ((await runsIn(out)).length === 0) {
    const claim = await claimEmpty(out)
    if (claim !== undefined) return claim
  }
  for (let number = Math.max(1, ...(await numbersIn(out))) + 1; ; number += 1) {
    const folder = join(out, String(number))
    const claim = (await makeNew(folder)) ? await claimEmpty(folder) : undefined
    if (claim !== undefined) return claim
  }
}

/** Takes a folder unless it holds a run or another process begins one there. */
async function claimEmpty(folder: string): Promise<Claim | undefined> {
  let lock: FolderLock
  try {
    lock = await FolderLock.take(folder)
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined
    throw error
  }
  if (!(await holdsRun(folder))) return { folder, lock }
  await lock.release()
  return undefined
}

async function claimNewest(out: string): Promise<Claim> {
  const folder = (await runsIn(out)).at(0)?.folder ?? out
  return { folder, lock: await FolderLock.take(folder) }
}

/** The runs in `out`, the newest first; `out` itself is the first that was made. */
async function runsIn(out: string): Promise<readonly { readonly folder: string }[]> {
  const numbers = [...(await numbersIn(out))].sort((a, b) => b - a)
  const runs = []
  for (const folder of [...numbers.map((number) => join(out, String(number))), out]) {
    if (await holdsRun(folder)) runs.push({ folder })
  }
  return runs
}

/** The numbers from 2 that are names in `out`. */
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

/** Makes a folder and its parents; one that is there will do. */
async function makeFolder(folder: string, parentIsThere = false): Promise<void> {
  try {
    // Not mkdir's own recursion: on a read-only disk that says ENOENT.
    await mkdir(folder)
  } catch (error) {
    const parent = dirname(folder)
    // Some file systems, such as /proc, say ENOENT although the parent is there.
    if (errnoOf(error) === 'ENOENT' && parent !== folder && !parentIsThere) {
      await makeFolder(parent)
      return makeFolder(folder, true)
    }
    const there = await stat(folder).catch(() => undefined)
    if (there?.isDirectory()) return
    throw diskError('run', 'make', folder, there ? failedCall('ENOTDIR', 'mkdir') : error)
  }
}

/** Makes a folder; false when something of that name is there. */
async function makeNew(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw diskError('run', 'make', folder, error)
  }
}

/** The newest whole checkpoint, with the log cut back to it and damaged ones put aside. */
async function goOn(
  folder: string,
  onNote: (text: string) => void
): Promise<Checkpoint | undefined> {
  const damaged: string[] = []
  const checkpoint = await newestCheckpoint(folder, {
    onSkip: (reason, path) => {
      onNote(reason)
      damaged.push(path)
    }
  })
  for (const path of damaged) onNote(`${path} is now ${await putAside(path)}`)
  await trimLog(join(folder, LOG), checkpoint?.step)
  if (checkpoint === undefined) onNote(`no whole checkpoint in ${folder}: starts at step 0`)
  else onNote(`goes on after step ${checkpoint.step}, from ${checkpoint.folder}`)
  return checkpoint
}

/** Renames a damaged checkpoint, so that its step can be saved again. */
async function putAside(path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const aside = number === 1 ? `${path}.damaged` : `${path}.damaged-${number}`
    if ((await stat(aside).catch(() => undefined)) !== undefined) continue
    try {
      await rename(path, aside)
      return aside
    } catch (error) {
      throw diskError('run', 'rename', path, error)
    }
  }
}

/** The step of the best checkpoint, where there is one and it can be read. */
export async function bestStep(folder: string): Promise<number | undefined> {
  const best = await previous(join(folder, BEST))
  return isObject(best) && typeof best.step === 'number' ? best.step : undefined
}

async function previous(path: string): Promise<Json | undefined> {
  try {
    return await readJson(path)
  } catch {
    return undefined
  }
}
