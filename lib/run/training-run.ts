/** A training run that is kept: its settings, its log, and where it goes on from. */
import { join } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import type { Net } from '../net/net.ts'
import type { Evaluation } from '../training/evaluate/evaluate.ts'
import type { Diagnosis, Snapshot, Step, Validation } from '../training/train.ts'
import { isObject } from '../util/files/json.ts'
import { RunControl } from './control.ts'
import { keepRunData } from './data.ts'
import { openRun, type Run } from './folder.ts'
import { SettingsError, settle, type TrainSettings } from './settings.ts'
import { toCheckpoint, toSnapshot } from './snapshot.ts'
import { saveWeights } from './weights.ts'

export interface OpenTrainingOptions {
  /** The folder to keep it in. Where that holds a run, a new one gets a numbered folder in it. */
  readonly out: string
  /** Go on from the newest whole checkpoint there; where there is none, start at 0. Default false. */
  readonly resume?: boolean
  /** What was asked for. What is left out is as it was saved, or as `defaults` say. */
  readonly settings: Partial<TrainSettings>
  readonly defaults: TrainSettings
  /** How many checkpoints to keep besides the best. Default 2. */
  readonly keep?: number
  /** Told, in a sentence each, what a person should know. */
  readonly onNote?: (text: string) => void
}

/** See `openTraining`. */
export class TrainingRun {
  readonly settings: TrainSettings
  /** Where it is kept. */
  readonly folder: string
  /** Where it goes on from; undefined at the beginning. For `train`'s option of the same name. */
  readonly from: Snapshot | undefined
  /** The rate as control.json in the folder says it; for `train`'s option of the same name. */
  readonly control: RunControl
  readonly #run: Run
  readonly #dataBefore: unknown
  #data: object | undefined
  #dataset: Dataset | undefined
  #saved: number

  /** @internal */
  constructor(run: Run, settings: TrainSettings, control: RunControl) {
    this.#run = run
    this.control = control
    this.settings = settings
    this.folder = run.folder
    const checkpoint = run.takeCheckpoint()
    this.#dataBefore = checkpoint?.state.data
    this.from = checkpoint && toSnapshot(checkpoint)
    this.#saved = checkpoint?.step ?? 0
  }

  /** Steps done before it was opened. */
  get step(): number {
    return this.from?.state.step ?? 0
  }

  /** Steps done at the last checkpoint. */
  get saved(): number {
    return this.#saved
  }

  /** One JSON object a line, one line a step. */
  get logFile(): string {
    return join(this.folder, 'log.jsonl')
  }

  /** Where `finish` puts the weights. */
  get weightsFile(): string {
    return join(this.folder, 'weights.safetensors')
  }

  /**
   * Hands `data` through, when it is what the run was begun on.
   * @throws SettingsError where it is another set
   */
  sameData(data: Dataset): Dataset {
    const { name, classes, train } = data
    const now = { name, images: train.length, classes: classes.length }
    const before = isObject(this.#dataBefore) ? this.#dataBefore : now
    if (before.name !== now.name || before.images !== now.images) {
      throw new SettingsError(
        `[resume] expected the data the run was started with, ${before.name} (${before.images} images), ` +
          `got ${now.name} (${now.images} images): name it with --data`
      )
    }
    this.#data = now
    this.#dataset = data
    return data
  }

  /** Writes a checkpoint; for `train`'s option `checkpoint`. */
  readonly save = async (snapshot: Snapshot): Promise<void> => {
    await this.#keepData()
    const extra = { options: this.settings, ...(this.#data && { data: this.#data }) }
    await this.#run.save(toCheckpoint(snapshot, extra), snapshot.state.validation?.best)
    this.#saved = snapshot.state.step
  }

  /** Once: what using the net takes, besides weights and settings. */
  async #keepData(): Promise<void> {
    const data = this.#dataset
    this.#dataset = undefined
    if (data) await keepRunData(this.folder, data)
  }

  /** Adds a step to the log, after the change of the rate that it is the first with. */
  async log(step: Step): Promise<void> {
    const { loss, top1, imagesPerSecond, epoch, lr, gradientNorm } = step
    const { lossScale, skipped, rateChange } = step
    if (rateChange) {
      await this.#run.log({ step: step.step, lr_old: rateChange.old, lr_new: rateChange.lr })
    }
    await this.#run.log({
      ...{ step: step.step, loss, top1, images_per_s: imagesPerSecond, epoch, lr },
      ...(gradientNorm !== undefined && { gradient_norm: gradientNorm }),
      ...(lossScale !== undefined && { loss_scale: lossScale, skipped: skipped === true })
    })
  }

  /** Adds a validation to the log. */
  logValidation({ step, loss, top1, best, factor }: Validation): Promise<void> {
    return this.#run.log({
      ...{ step, validation_loss: loss, validation_top1: top1, best },
      ...(factor !== undefined && { lr_factor: factor })
    })
  }

  /** Adds to the log what is wrong with the run. */
  logDiagnosis({ step, kind, layer, text }: Diagnosis): Promise<void> {
    return this.#run.log({ step, diagnosis: kind, ...(layer !== undefined && { layer }), text })
  }

  /** Writes the weights, and the log's last line. */
  async finish(net: Net, { top1, loss }: Evaluation): Promise<void> {
    await this.#keepData()
    await saveWeights(net, this.weightsFile)
    await this.#run.log({ final: true, test_top1: top1, test_loss: loss, steps: this.#saved })
  }

  async close(): Promise<void> {
    await this.control.close()
    await this.#run.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a run to train and keep: options.json, log.jsonl, checkpoints, in the end weights.safetensors.
 * A run is never overwritten: a new one in a folder that holds one gets a numbered folder in it.
 *
 * @throws SettingsError where a run that goes on was started with other settings
 * @throws FolderInUseError where another process works there
 * @throws DiskError where the disk refuses
 *
 * @example
 * await using run = await openTraining({ out: 'out', resume: true, settings: {}, defaults })
 * for await (const step of train(net, data.train, {
 *   steps: 100, lr: 0.01, from: run.from, checkpoint: { every: 50, save: run.save }
 * })) await run.log(step)
 */
export async function openTraining(options: OpenTrainingOptions): Promise<TrainingRun> {
  const { out, resume = false, settings, defaults, keep = 2, onNote } = options
  let settled = defaults
  const run = await openRun(out, {
    resume,
    keep,
    ...(onNote && { onNote }),
    options: (before) => {
      settled = settle(settings, before.options, defaults, before.checkpoints > 0)
      return settled
    }
  })
  let control: RunControl | undefined
  try {
    control = await RunControl.open(run.folder, { onNote })
    return new TrainingRun(run, settled, control)
  } catch (error) {
    await control?.close()
    await run.close()
    throw error
  }
}
