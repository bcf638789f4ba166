// Checkpoints: all that training needs to go on, one folder each, whole or not there.
//
//   checkpoint-00000120/
//     weights.safetensors    parameters in public layouts (row-major: OIHW, [out, in], [C])
//     optimizer.safetensors  the optimizer's state in the same layouts
//     state.json             step, and whatever else the trainer needs
//     manifest.json          format, versions, size and SHA-256 of each file above

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFolder, writeFolder } from '../util/files/atomic.ts'
import { writeBytes } from '../util/files/bytes.ts'
import { DamagedFileError, diskError, errnoOf } from '../util/files/errors.ts'
import { isJsonObject, type JsonObject, jsonText, readJson } from '../util/files/json.ts'
import { readSafetensors, type Tensors, writeSafetensors } from '../util/files/safetensors.ts'
import { damaged, MANIFEST, makeManifest, verifyFolder } from './manifest.ts'

const WEIGHTS = 'weights.safetensors'
const OPTIMIZER = 'optimizer.safetensors'
const STATE = 'state.json'
const FILES = [WEIGHTS, OPTIMIZER, STATE] as const
const NAME = /^checkpoint-(\d{8,})$/

/** What is saved of a training run at one step. */
export interface CheckpointData {
  /** How many steps have been done: a whole number from 0. */
  readonly step: number
  /** Parameters by name, row-major in public layouts. */
  readonly weights: Tensors
  /** The optimizer's tensors by name, as the weights. */
  readonly optimizer: Tensors
  /** Epoch, position in the data, random state, options…: a plain object that JSON can hold. */
  readonly state: object
}

/** A checkpoint that was read and found whole. */
export interface Checkpoint {
  /** Its folder. */
  readonly folder: string
  readonly step: number
  readonly weights: Tensors
  readonly optimizer: Tensors
  readonly state: JsonObject
  /** The version of alexnode that wrote it. */
  readonly alexnode: string
}

/** A checkpoint's folder; whether it is whole is not known yet. */
export interface CheckpointFolder {
  readonly folder: string
  readonly step: number
}

/** Told, in a sentence, that a checkpoint is passed over and why. */
export interface SkipOptions {
  readonly onSkip?: (reason: string, folder: string) => void
}

/**
 * Writes a checkpoint into `dir`, made whole by one rename and flushed to the disk.
 *
 * @param dir - a folder that exists
 * @param data - must not change until it is done
 * @returns the checkpoint's folder, `dir/checkpoint-00000120`
 * @throws TypeError when step, tensors or state cannot be written
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
  const { step, weights, optimizer, state } = data
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new TypeError(
      `[checkpoint] step: expected a whole number from 0, got ${step}; count steps`
    )
  }
  if (Array.isArray(state)) {
    throw new TypeError('[checkpoint] state: expected an object, got an array; give it a name')
  }
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
 * Reads a checkpoint, after checking every file against the manifest.
 *
 * @throws DamagedFileError when it is not as it was written
 * @throws DiskError when it cannot be read
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const { step, alexnode } = await verifyFolder(folder, FILES)
  const saved = await readJson(join(folder, STATE))
  const { step: same, state } = isJsonObject(saved) ? saved : {}
  if (same !== step) damaged(folder, `step ${step} in ${STATE}`, String(same))
  if (state === undefined || !isJsonObject(state)) damaged(folder, `state in ${STATE}`, 'none')
  const { tensors: weights } = await readSafetensors(join(folder, WEIGHTS))
  const { tensors: optimizer } = await readSafetensors(join(folder, OPTIMIZER))
  return { folder, step, weights, optimizer, state, alexnode }
}

/** The step of which a folder of this name is the checkpoint, or undefined if of none. */
export function stepOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/**
 * The folders in `dir` that are named as checkpoints, newest first; none when `dir` is not there.
 *
 * @throws DiskError when `dir` cannot be read
 */
export async function listCheckpoints(dir: string): Promise<readonly CheckpointFolder[]> {
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
 * Reads the newest whole checkpoint in `dir`. One that is damaged is passed over, with the reason
 * told to `onSkip`, and the one before it is tried.
 *
 * @returns undefined when there is none
 * @throws DiskError when a checkpoint cannot be read for a reason other than damage
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
  { onSkip }: SkipOptions = {}
): Promise<Checkpoint | undefined> {
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
 * Removes all checkpoints older than the newest `count` whole ones. The last whole one is never
 * removed: of those kept, at least one has been checked against its hashes. Damaged ones do not
 * count; those newer than the oldest one kept stay where they are.
 *
 * @param dir - the folder that holds them
 * @param count - how many whole ones to keep: from 1
 * @param options - `trusted`: the folder of one that need not be hashed, as it was written just now;
 *   `spare`: the step of one that stays, however old it is
 * @returns the folders removed
 * @throws RangeError when `count` is less than 1
 * @throws DiskError when the disk refuses
 */
export async function keepCheckpoints(
  dir: string,
  count: number,
  options: SkipOptions & { readonly trusted?: string; readonly spare?: number | undefined } = {}
): Promise<readonly string[]> {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`[checkpoint] expected to keep 1 or more, got ${count}; keep at least 1`)
  }
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
    // Hashing all of them at each save would cost seconds: one proven whole is the safety net,
    // for the others the sizes must do (a rename made them whole when they were written).
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

/** The result of `read`, or undefined, with the reason said, when what it reads is damaged. */
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

/** Damage, or a file that is missing or in the wrong place; not: forbidden, or out of memory. */
function isDamage(error: Error): boolean {
  const code = errnoOf(error)
  const damages = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EIO']
  return error instanceof DamagedFileError || (code !== undefined && damages.includes(code))
}
