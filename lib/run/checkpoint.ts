// Checkpoints: all that resuming a run takes. Each is a folder that is written atomically.
//
//   checkpoint-00000120/
//     weights.safetensors    parameters in public layouts (row-major: OIHW, [out, in], [C])
//     optimizer.safetensors  the optimizer's state in the same layouts
//     state.json             step, and whatever else the trainer needs
//     manifest.json          format, versions, size and SHA-256 of each file above

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import {
  text as aText,
  whole as aWhole,
  callback,
  maybe,
  plain,
  record
} from '../util/check/rules.ts'
import { removeFolder, writeFolder } from '../util/files/atomic.ts'
import { writeBytes } from '../util/files/bytes.ts'
import { DamagedFileError, diskError, errnoOf } from '../util/files/errors.ts'
import { isJsonObject, type JsonObject, jsonText, readJson } from '../util/files/json.ts'
import { readSafetensors, type Tensors, writeSafetensors } from '../util/files/safetensors.ts'
import { shown } from '../util/foreign.ts'
import { damaged, MANIFEST, makeManifest, verifyFolder } from './manifest.ts'

const WEIGHTS = 'weights.safetensors'
const OPTIMIZER = 'optimizer.safetensors'
const STATE = 'state.json'
const FILES = [WEIGHTS, OPTIMIZER, STATE] as const
const NAME = /^checkpoint-(\d{8,})$/

/** What a checkpoint holds. */
export interface CheckpointData {
  /** Steps done: a whole number from 0. */
  readonly step: number
  /** Parameters by name, row-major in public layouts (OIHW, [out, in], [C]). */
  readonly weights: Tensors
  /** The optimizer's tensors by name, in the same layouts. */
  readonly optimizer: Tensors
  /** Everything else: a plain object that JSON can hold. */
  readonly state: object
}

/** A checkpoint that was read, all files checked. */
export interface Checkpoint {
  /** Its folder. */
  readonly folder: string
  /** Steps done. */
  readonly step: number
  /** Parameters by name, row-major in public layouts (OIHW, [out, in], [C]). */
  readonly weights: Tensors
  /** The optimizer's tensors by name, in the same layouts. */
  readonly optimizer: Tensors
  /** Everything else that was saved. */
  readonly state: JsonObject
  /** The version of alexnode that wrote it. */
  readonly alexnode: string
}

/** A folder that is named like a checkpoint. Its files are not checked. */
export interface CheckpointFolder {
  /** Its path. */
  readonly folder: string
  /** Steps done, by its name. */
  readonly step: number
}

/** Options of functions that skip damaged checkpoints. */
export interface SkipOptions {
  /** Called with the reason, in a sentence, for each checkpoint that is skipped. */
  readonly onSkip?: (reason: string, folder: string) => void
}

const skipOptions = record<SkipOptions>({ onSkip: maybe(callback) })

type KeepOptions = SkipOptions & {
  readonly trusted?: string
  readonly spare?: number | undefined
}
const keepOptions = record<KeepOptions>({
  onSkip: maybe(callback),
  trusted: maybe(aText),
  spare: maybe(aWhole({ from: 0 }))
})
const checkpointData = record<CheckpointData>({
  step: aWhole({ from: 0 }),
  weights: plain,
  optimizer: plain,
  state: plain
})

/**
 * Writes a checkpoint into `dir` atomically, and flushes it to the disk.
 *
 * @param dir an existing folder
 * @param data must not change meanwhile
 * @returns the checkpoint's folder, `dir/checkpoint-00000120`
 * @throws TypeError when step, tensors or state cannot be stored
 * @throws DiskError when the disk refuses, or there is a checkpoint of this step
 *
 * @example
 * ```ts
 * const data = new Uint8Array(new Float32Array([1, 2]).buffer)
 * const weights = { 'fc8.bias': { dtype: 'f32', shape: [2], data } } as const
 * await writeCheckpoint('out', { step: 120, weights, optimizer: {}, state: { epoch: 1 } })
 * ```
 */
export async function writeCheckpoint(dir: string, data: CheckpointData): Promise<string> {
  checkArguments('checkpoint', { dir: [dir, aText] }, TypeError)
  checkOptions('checkpoint', data, checkpointData, TypeError)
  const { step, weights, optimizer, state } = data
  const text = jsonText({ step, state }, 'checkpoint')
  const folder = join(dir, `checkpoint-${String(step).padStart(8, '0')}`)
  await writeFolder(folder, async (tmp) => {
    const metadata = { format: 'pt', step: String(step) }
    const files = {
      [WEIGHTS]: await writeSafetensors(join(tmp, WEIGHTS), weights, metadata),
      [OPTIMIZER]: await writeSafetensors(join(tmp, OPTIMIZER), optimizer, metadata),
      [STATE]: await writeBytes(join(tmp, STATE), [Buffer.from(text)])
    }
    const manifest = jsonText(makeManifest(step, files), 'manifest')
    await writeBytes(join(tmp, MANIFEST), [Buffer.from(manifest)])
  })
  return folder
}

/**
 * Reads a checkpoint. First it checks the size and SHA-256 of each file.
 *
 * @param folder of the checkpoint
 * @throws DamagedFileError when a file is missing or was altered
 * @throws DiskError when it cannot be read
 * @throws Error when a newer alexnode wrote it
 *
 * @example
 * const { step, weights } = await readCheckpoint('out/checkpoint-00000120')
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  checkArguments('checkpoint', { folder: [folder, aText] })
  const { step, alexnode } = await verifyFolder(folder, FILES)
  const saved = await readJson(join(folder, STATE))
  const { step: same, state } = isJsonObject(saved) ? saved : {}
  if (same !== step) damaged(folder, `step ${step} in ${STATE}`, shown(same))
  if (state === undefined || !isJsonObject(state))
    damaged(folder, `state in ${STATE}`, shown(state))
  const { tensors: weights } = await readSafetensors(join(folder, WEIGHTS))
  const { tensors: optimizer } = await readSafetensors(join(folder, OPTIMIZER))
  return { folder, step, weights, optimizer, state, alexnode }
}

/** The step in the name of a checkpoint's folder; undefined for other names. */
export function stepOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/**
 * Lists the checkpoints in `dir`, newest first, without checking them. There are none when `dir` does not exist.
 *
 * @throws DiskError when `dir` cannot be read
 *
 * @example
 * for (const { folder, step } of await listCheckpoints('out')) console.log(step, folder)
 */
export async function listCheckpoints(dir: string): Promise<readonly CheckpointFolder[]> {
  checkArguments('checkpoint', { dir: [dir, aText] })
  let names: readonly string[]
  try {
    names = await readdir(dir)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw diskError('checkpoint', 'read', dir, error)
  }
  return names
    .flatMap((name) => {
      const step = stepOf(name)
      return step === undefined ? [] : [{ folder: join(dir, name), step }]
    })
    .sort((a, b) => b.step - a.step)
}

/**
 * Reads the newest checkpoint in `dir` that is not damaged. For each damaged one it calls `onSkip` and tries the one
 * before it.
 *
 * @returns undefined when there is none
 * @throws DiskError when a checkpoint cannot be read for another reason than damage
 * @throws Error when a newer alexnode wrote it
 *
 * @example
 * ```ts
 * const checkpoint = await newestCheckpoint('out', { onSkip: (reason) => console.warn(reason) })
 * console.log(checkpoint ? `goes on after step ${checkpoint.step}` : 'starts at 0')
 * ```
 */
export async function newestCheckpoint(
  dir: string,
  options: SkipOptions = {}
): Promise<Checkpoint | undefined> {
  checkOptions('checkpoint', options, skipOptions)
  const { onSkip } = options
  for (const found of await listCheckpoints(dir)) {
    const checkpoint = await orDamage(found.folder, onSkip, async () => {
      const checkpoint = await readCheckpoint(found.folder)
      sameStep(found, checkpoint.step)
      return checkpoint
    })
    if (checkpoint !== undefined) return checkpoint
  }
  return undefined
}

/**
 * Removes old checkpoints and keeps the newest `count` that are not damaged. It checks the hashes of at least one that
 * is kept, so that the last good one is never removed. Damaged ones do not count, and stay if they are newer than the
 * oldest one kept.
 *
 * @param dir the folder that holds them
 * @param count checkpoints to keep, from 1
 * @param options `trusted`: the folder of one whose hashes need no check, as it was just written; `spare`: the step of
 *   one to keep, however old it is
 * @returns the removed folders
 * @throws RangeError when `count` is less than 1
 * @throws DiskError when the disk refuses
 *
 * @example
 * const removed = await keepCheckpoints('out', 3)
 */
export async function keepCheckpoints(
  dir: string,
  count: number,
  options: SkipOptions & { readonly trusted?: string; readonly spare?: number | undefined } = {}
): Promise<readonly string[]> {
  checkArguments('checkpoint', { dir: [dir, aText], count: [count, aWhole({ from: 1 })] })
  checkOptions('checkpoint', options, keepOptions)
  const { trusted, spare, onSkip } = options
  const removed: string[] = []
  let whole = 0
  for (const found of await listCheckpoints(dir)) {
    if (whole >= count) {
      if (found.step === spare) continue
      await removeFolder(found.folder)
      removed.push(found.folder)
      continue
    }
    // Hashing all of them at each save would cost seconds. One checked by its hashes is enough; the
    // sizes of the others are checked, which were written atomically.
    const ok = await orDamage(found.folder, onSkip, async () => {
      const hash = whole === 0 && found.folder !== trusted
      const { step } = await verifyFolder(found.folder, FILES, { hash })
      sameStep(found, step)
      return true
    })
    if (ok === true) whole += 1
  }
  return removed
}

function sameStep({ folder, step }: CheckpointFolder, saved: number): void {
  if (saved !== step) damaged(folder, `step ${step}, as its name says`, `${saved}`)
}

/** The result of `read`; undefined, after calling `onSkip`, if what it reads is damaged. */
async function orDamage<T>(
  folder: string,
  onSkip: SkipOptions['onSkip'],
  read: () => Promise<T>
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Error) || !isDamage(error)) throw error
    onSkip?.(error.message, folder)
    return undefined
  }
}

/** True for damage and for missing or misplaced files; false for missing permissions or memory. */
function isDamage(error: Error): boolean {
  const code = errnoOf(error)
  const damages = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENXIO', 'EIO']
  return error instanceof DamagedFileError || (code !== undefined && damages.includes(code))
}
