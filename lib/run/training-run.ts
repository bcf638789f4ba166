import { join } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import { datasetRule } from '../data/rules.ts'
import type { Net } from '../net/net.ts'
import type { Evaluation } from '../training/evaluate/evaluate.ts'
import type { Diagnosis, Snapshot, Step, Validation } from '../training/train.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { callback, flag, maybe, record, text, whole } from '../util/check/rules.ts'
import { isObject } from '../util/files/json.ts'
import { RunControl } from './control.ts'
import { keepRunData } from './data.ts'
import { openRun, type Run } from './folder.ts'
import { savedSettings } from './saved-settings.ts'
import {
  givenRule,
  resolveSettings,
  SettingsError,
  settingsRule,
  type TrainSettings
} from './settings.ts'
import { toCheckpoint, toSnapshot } from './snapshot.ts'
import { waitingShare } from './waiting-share.ts'
import { saveWeights } from './weights.ts'

/** Options of `openTraining`. */
export interface OpenTrainingOptions {
  /** The folder of the run. If it holds a run, a new one gets a numbered folder in it. */
  readonly out: string
  /** Resume the newest run there from its newest checkpoint, or start at step 0 if there is none. Default false. */
  readonly resume?: boolean
  /** Settings that are given. The others are those saved with the run, or the `defaults`. */
  readonly settings: Partial<TrainSettings>
  /** Settings that are neither given nor saved. */
  readonly defaults: TrainSettings
  /** Checkpoints to keep, from 1, besides the best. Default 2. */
  readonly keep?: number
  /** Called with notes for people, a sentence each. */
  readonly onNote?: (text: string) => void
}

const trainingOptions = record<OpenTrainingOptions>({
  out: text,
  resume: maybe(flag),
  settings: givenRule,
  defaults: settingsRule,
  keep: maybe(whole({ from: 1 })),
  onNote: maybe(callback)
})

/** An open training run: its settings, its log and its checkpoints. `openTraining` returns it. */
export class TrainingRun {
  /** The snapshot to resume from; undefined for a new run. For `train`'s option of the same name. */
  readonly from: Snapshot | undefined
  /**
   * The learning rate from control.json in the folder. For `train`'s option of the same name. Undefined on ranks but 0
   * of a group.
   */
  readonly control: RunControl | undefined
  readonly #run: Run
  readonly #dataBefore: unknown
  #data: object | undefined
  #dataset: Dataset | undefined
  #saved: number
  #settings: TrainSettings

  /** @internal */
  constructor(run: Run, settings: TrainSettings, control: RunControl | undefined) {
    this.#run = run
    this.control = control
    this.#settings = settings
    const checkpoint = run.takeCheckpoint()
    this.#dataBefore = checkpoint?.state.data
    this.from = checkpoint && toSnapshot(checkpoint)
    this.#saved = checkpoint?.step ?? 0
  }

  /** The settings of the run, all filled in. */
  get settings(): TrainSettings {
    return this.#settings
  }

  /** The run's folder. */
  get folder(): string {
    return this.#run.folder
  }

  /** True for a new run of which nothing was logged or saved yet: closing it then leaves nothing. */
  get isBlank(): boolean {
    return this.#run.isBlank
  }

  /** Steps done before it was opened. */
  get step(): number {
    return this.from?.state.step ?? 0
  }

  /** Steps done at the last checkpoint. */
  get saved(): number {
    return this.#saved
  }

  /** The log's path: one JSON object a line, one line a step. */
  get logFile(): string {
    return join(this.folder, 'log.jsonl')
  }

  /** The path that `finish` writes the weights to. */
  get weightsFile(): string {
    return join(this.folder, 'weights.safetensors')
  }

  /**
   * Checks that a run is resumed with the data it was started with.
   * @returns `data`
   * @throws SettingsError where it is another set
   */
  sameData(data: Dataset): Dataset {
    checkArguments('run', { data: [data, datasetRule] })
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

  /**
   * Writes a checkpoint. For `train`'s option `checkpoint`.
   * @throws DiskError when the disk refuses
   */
  readonly save = async (snapshot: Snapshot): Promise<void> => {
    await this.#keepData()
    const extra = { options: this.settings, ...(this.#data && { data: this.#data }) }
    await this.#run.save(toCheckpoint(snapshot, extra), snapshot.state.validation?.best)
    this.#saved = snapshot.state.step
  }

  /** Writes, once, what using the net takes besides weights and settings. */
  async #keepData(): Promise<void> {
    const data = this.#dataset
    this.#dataset = undefined
    if (data && this.#run.writes) await keepRunData(this.folder, data)
  }

  /**
   * Sets the learning rate of a run that has not begun, and keeps it with the settings.
   *
   * @throws SettingsError where steps were done before
   * @throws DiskError when the disk refuses
   */
  async setRate(lr: number): Promise<void> {
    if (this.#saved > 0) {
      throw new SettingsError(
        `[run] lr: expected a run without steps, got one of ${this.#saved}: its rate is changed by control.json`
      )
    }
    const settings = { ...this.#settings, lr }
    await this.#run.setOptions(settings)
    this.#settings = settings
  }

  /** Adds a step to the log, after the change of the learning rate that it has, if any. */
  async log(step: Step): Promise<void> {
    const { loss, top1, imagesPerSecond, epoch, lr, gradientNorm } = step
    const { lossScale, skipped, rateChange } = step
    const waiting = waitingShare(step)
    if (rateChange) {
      await this.#run.log({ step: step.step, lr_old: rateChange.old, lr_new: rateChange.lr })
    }
    await this.#run.log({
      step: step.step,
      loss,
      top1,
      images_per_s: imagesPerSecond,
      ...(waiting !== undefined && { waiting }),
      epoch,
      lr,
      ...(gradientNorm !== undefined && { gradient_norm: gradientNorm }),
      ...(lossScale !== undefined && { loss_scale: lossScale, skipped: skipped === true })
    })
  }

  /** Adds a validation to the log. */
  logValidation({ step, loss, top1, best, factor }: Validation): Promise<void> {
    return this.#run.log({
      step,
      validation_loss: loss,
      validation_top1: top1,
      best,
      ...(factor !== undefined && { lr_factor: factor })
    })
  }

  /** Adds a diagnosis to the log. */
  logDiagnosis({ step, kind, layer, text }: Diagnosis): Promise<void> {
    return this.#run.log({ step, diagnosis: kind, ...(layer !== undefined && { layer }), text })
  }

  /**
   * Writes the weights, and the test's result as the log's last line.
   * @param result of the test; undefined: there was none
   * @param skipped damaged images that were skipped
   * @throws DiskError when the disk refuses
   */
  async finish(net: Net, result?: Evaluation, skipped = 0): Promise<void> {
    await this.#keepData()
    if (!this.#run.writes) return
    await saveWeights(net, this.weightsFile)
    const test = result && { test_top1: result.top1, test_loss: result.loss }
    const images = skipped > 0 && { skipped_images: skipped }
    await this.#run.log({ final: true, ...test, steps: this.#saved, ...images })
  }

  /**
   * Waits for saves in progress and unlocks the folder. A new run of which nothing was logged or saved, such as one
   * whose start failed, leaves no folder, unless it was there before.
   */
  async close(): Promise<void> {
    await this.control?.close()
    await this.#run.close()
  }

  /** Closes the run at the end of its block: see `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a training run in a folder: options.json, log.jsonl, checkpoints and, at the end, weights.safetensors. No run is
 * overwritten: if the folder holds one, a new run gets a numbered folder in it.
 *
 * @throws SettingsError where the run to resume was started with other settings
 * @throws FolderInUseError where another process works on it
 * @throws DiskError when the disk refuses
 *
 * @example
 * await using run = await openTraining({ out: 'out', resume: true, settings: {}, defaults })
 * for await (const step of train(net, data.train, {
 *   steps: 100, lr: 0.01, from: run.from, checkpoint: { every: 50, save: run.save }
 * })) await run.log(step)
 */
export async function openTraining(options: OpenTrainingOptions): Promise<TrainingRun> {
  checkOptions('run', options, trainingOptions)
  const { out, resume = false, settings, defaults, keep = 2, onNote } = options
  let merged = defaults
  const run = await openRun(out, {
    resume,
    keep,
    ...(onNote && { onNote }),
    options: (before) => {
      const saved = savedSettings(before, { ...defaults }, onNote)
      merged = resolveSettings(settings, saved, defaults, before.checkpoints > 0)
      // What a file says was not checked yet.
      checkOptions('resume', merged, settingsRule, SettingsError)
      return merged
    }
  })
  let control: RunControl | undefined
  try {
    control = await RunControl.open(run.folder, { onNote })
    return new TrainingRun(run, merged, control)
  } catch (error) {
    await control?.close()
    await run.close()
    throw error
  }
}
