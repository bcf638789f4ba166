/** Reads the curves of a run from its log. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { withFile } from '../util/files/bytes.ts'
import { errnoOf, onDisk } from '../util/files/errors.ts'
import { isObject, readJson } from '../util/files/json.ts'
import { linesOf } from '../util/files/json-log.ts'
import { LOG, OPTIONS } from './claim-folder.ts'

/** A value of a run by its progress; all arrays are of one length. */
export interface Curve {
  readonly steps: readonly number[]
  /** Images that training has seen by then. */
  readonly images: readonly number[]
  /** Seconds of training by then, without validations and saves. */
  readonly seconds: readonly number[]
  /** Values that are finite. */
  readonly values: readonly number[]
}

/** What a run's log holds. */
export interface RunCurves {
  /** By step: mean cross-entropy in nats, and the fraction of images whose class came first. */
  readonly loss: Curve
  readonly top1: Curve
  /** By validation. */
  readonly validationLoss: Curve
  readonly validationTop1: Curve
}

/**
 * Reads a run's log; undefined where the folder holds no run. Lines that are damaged are left out.
 * @throws DiskError if a file cannot be read
 */
export async function readCurves(folder: string): Promise<RunCurves | undefined> {
  const options = join(folder, OPTIONS)
  if (!(await isThere(options))) return undefined
  const settings = await readJson(options)
  const { batch, accumulate = 1 } = isObject(settings) ? settings : {}
  const images = Number(batch) * Number(accumulate)
  const curves = new Growing(Number.isFinite(images) ? images : 1)
  const path = join(folder, LOG)
  if (!(await isThere(path))) return curves
  await onDisk('run', 'read', path, () =>
    withFile(path, 'r', async (handle) => {
      for await (const line of linesOf(handle)) curves.add(line.toString('utf8'))
    })
  )
  return curves
}

class GrowingCurve implements Curve {
  readonly steps: number[] = []
  readonly images: number[] = []
  readonly seconds: number[] = []
  readonly values: number[] = []

  add(step: number, images: number, seconds: number, value: unknown): void {
    if (typeof value !== 'number') return
    this.steps.push(step)
    this.images.push(images)
    this.seconds.push(seconds)
    this.values.push(value)
  }
}

class Growing implements RunCurves {
  readonly loss = new GrowingCurve()
  readonly top1 = new GrowingCurve()
  readonly validationLoss = new GrowingCurve()
  readonly validationTop1 = new GrowingCurve()
  /** Images of a step. */
  readonly #images: number
  #seconds = 0

  constructor(images: number) {
    this.#images = images
  }

  add(line: string): void {
    const record = parsed(line)
    const { step } = record
    if (typeof step !== 'number') return
    const images = step * this.#images
    if (record.images_per_s !== undefined) {
      const pace = Number(record.images_per_s)
      if (pace > 0) this.#seconds += this.#images / pace
      this.loss.add(step, images, this.#seconds, record.loss)
      this.top1.add(step, images, this.#seconds, record.top1)
    }
    this.validationLoss.add(step, images, this.#seconds, record.validation_loss)
    this.validationTop1.add(step, images, this.#seconds, record.validation_top1)
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const record: unknown = JSON.parse(line)
    return isObject(record) ? record : {}
  } catch {
    return {}
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    return onDisk('run', 'read', path, () => Promise.reject(error))
  }
}
