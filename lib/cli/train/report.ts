/** Reports the course of a training run, for people or as JSON lines. */
import type { Dataset } from '../../data/dataset.ts'
import type { DamagedImage } from '../../data/skip-damaged.ts'
import type { Device } from '../../engine/device.ts'
import type { Net } from '../../net/net.ts'
import type { TrainingRun } from '../../run/training-run.ts'
import type { Evaluation } from '../../training/evaluate/evaluate.ts'
import type { RangeTest } from '../../training/range-test.ts'
import type { Diagnosis, Step, Validation } from '../../training/train.ts'
import { foreign } from '../../util/foreign.ts'
import { DamagedImages, damagedJson, damagedNote } from '../shared/damaged.ts'
import type { DeviceSettings } from '../shared/device.ts'
import { deviceText } from '../shared/device-text.ts'
import { count, duration, fraction, notFiniteText, pace } from '../shared/format.ts'
import { printJson } from '../shared/output.ts'
import { Reporter } from '../shared/reporter.ts'
import { entry, onePiece } from '../shared/text.ts'
import { diagnosisJson, rangeJson, rateJson, resultJson, stepJson, validationJson } from './json.ts'
import { rangePlot } from './plot.ts'
import { standstillText } from './standstill.ts'
import type { Begun } from './start.ts'
import { dataText, netText, resultText, runText, startText, stepText } from './text.ts'
import { Waiting } from './waiting.ts'

export class TrainReport extends Reporter {
  readonly #start = performance.now()
  readonly #waiting = new Waiting()
  #steps: number | undefined
  #secondsPerStep = 0
  /** Steps that were skipped because gradients overflowed. */
  #skipped = 0
  /** True if the last step overflowed: the next one is skipped, too. */
  #overflowed = false
  #factor: number | undefined
  /** Damaged images that were skipped. */
  readonly #damaged = new DamagedImages()
  /** The mean loss of the last steps. */
  #loss: number | undefined

  /** Says which processes train together. */
  ranks(text: string | undefined): void {
    if (text !== undefined) this.print(text)
  }

  data(data: Dataset): void {
    if (data.notice !== undefined) this.note(data.notice)
    this.print(dataText(data))
  }

  device(devices: readonly Device[], where: DeviceSettings, dtype: string, reason: string): void {
    this.print(`${deviceText(devices, where)}\n${entry('dtype', `${dtype}: ${reason}`)}`)
  }

  async net(net: Net): Promise<void> {
    this.print(await netText(net))
  }

  /** Says which weights a run starts from. */
  started(begun: Begun): void {
    for (const note of begun.notes) this.note(note)
    this.print(startText(begun))
  }

  run(run: TrainingRun, notes: readonly string[]): void {
    this.print(runText(run, notes))
  }

  /** Shows how far the range test is. */
  readonly testingRates = (done: number, total: number): void => {
    if (!this.json) void this.progress.show({ name: 'rate', done, total, text: 'range test' })
    if (done === total) this.progress.end()
  }

  /** Reports the rate that was found, and the curve that it was read from. */
  rateFound(found: RangeTest, lr: number): void {
    if (this.json) printJson(rangeJson(found, lr))
    else this.print(rangePlot(found.points, found.lr))
    this.note(found.lr === undefined ? `${found.reason} The rate stays ${lr}.` : found.reason)
  }

  /** Reports a step that is done. */
  async step(step: Step): Promise<void> {
    this.#rateChange(step)
    if (this.json) printJson(stepJson(step))
    const seconds = step.images / step.imagesPerSecond
    const first = this.#steps === undefined
    this.#measure(seconds)
    if (!first && this.#steps !== step.steps) this.#stepsChosen(step)
    this.#steps = step.steps
    this.#overflow(step)
    this.#loss = this.#loss === undefined ? step.loss : 0.9 * this.#loss + 0.1 * step.loss
    this.#waiting.add(step, seconds)
    const advice = this.#waiting.advice()
    if (advice !== undefined) this.note(advice)
    if (!this.json) await this.#progressOf(step, first)
  }

  async #progressOf(step: Step, first: boolean): Promise<void> {
    const eta = duration((step.steps - step.step) * this.#secondsPerStep)
    const speed = `${pace(step.imagesPerSecond)} images/s  ETA ${eta}${this.#waiting.text}`
    await this.progress.show({
      name: 'step',
      done: step.step,
      total: step.steps,
      text: stepText(step, speed),
      now: first
    })
    if (step.step === step.steps) this.progress.end()
  }

  /** Averages the time of a step; recent steps weigh more. */
  #measure(seconds: number): void {
    this.#secondsPerStep =
      this.#secondsPerStep === 0 ? seconds : 0.8 * this.#secondsPerStep + 0.2 * seconds
  }

  /** Reports a change of the loss scale, and counts the steps that it costs. */
  #overflow({ step, lossScale, skipped = false }: Step): void {
    if (skipped) this.#skipped++
    // The step after an overflow was queued already, and is skipped whatever its gradients are.
    this.#overflowed = skipped && !this.#overflowed
    if (!this.#overflowed || lossScale === undefined) return
    this.note(
      `Step ${step}: gradients overflowed at a loss scale of ${count(lossScale)}. This step and the next ` +
        `are skipped; the scale is ${count(lossScale / 2)} from then on.`
    )
  }

  #rateChange({ step, rateChange }: Step): void {
    if (!rateChange) return
    if (this.json) printJson(rateJson(step, rateChange))
    this.note(`Step ${step}: the rate changes from ${rateChange.old} to ${rateChange.lr}.`)
  }

  #stepsChosen({ steps, images, epoch, step }: Step): void {
    const epochs = ((epoch / step) * steps).toFixed(2)
    const rate = pace(images / this.#secondsPerStep)
    this.note(
      `${count(steps)} steps (${epochs} epochs) fit in the time at ${rate} images/s; ` +
        'choose others by --steps or --epochs'
    )
  }

  /** Reports a damaged image that is skipped. */
  readonly damaged = (damage: DamagedImage): void => {
    if (!this.#damaged.add(damage)) return
    if (this.json) printJson(damagedJson(damage))
    this.note(damagedNote(damage))
  }

  /** Damaged images that were skipped. */
  get skippedImages(): number {
    return this.#damaged.all.length
  }

  /** Reports a validation, and what follows from it. */
  validated(validation: Validation): void {
    const { step, top1, loss, notFinite, best, factor, stops } = validation
    if (this.json) printJson(validationJson(validation))
    const lowered = factor !== undefined && factor !== this.#factor && this.#factor !== undefined
    this.#factor = factor
    if (this.json) return
    this.note(
      `Step ${step}: top-1 ${fraction(top1)}, loss ${loss.toFixed(3)} in validation` +
        `${notFiniteText(notFinite)}${best ? ', the best so far' : ''}.` +
        `${lowered ? ` The rate falls to ${factor} of the initial rate.` : ''}` +
        `${stops ? ' No new best for --patience validations: training ends.' : ''}`
    )
  }

  /** Reports what is wrong with the run. */
  diagnosed(diagnosis: Diagnosis): void {
    if (this.json) printJson(diagnosisJson(diagnosis))
    // A value that is not finite ends the run with an error that says so.
    if (diagnosis.kind !== 'not-finite') this.note(`Step ${diagnosis.step}: ${diagnosis.text}`)
  }

  /**
   * Reports the end of a run.
   * @param result of the test; undefined: there was none
   * @param test its images by class, and those that the set has
   */
  finished(
    result: Evaluation | undefined,
    run: TrainingRun,
    test: { readonly seen: readonly number[]; readonly of: number }
  ): void {
    const standstill = standstillText({ result, images: test.seen, loss: this.#loss })
    if (this.json) printJson(resultJson(result, run.saved, standstill, this.skippedImages))
    const seconds = (performance.now() - this.#start) / 1000
    const damaged = this.skippedImages > 0 ? this.#damaged.text : undefined
    const numbers = { seconds, skipped: this.#skipped, damaged, test: test.of }
    this.print(resultText(result, run, numbers))
    if (standstill !== undefined) this.note(standstill)
  }

  /** Names the file that the timeline of one step is in. */
  traced(file: string, step: number): void {
    this.note(`The timeline of step ${step} is in ${onePiece(file)}: open it in ui.perfetto.dev.`)
  }

  /** Says how to resume an interrupted run. */
  interrupted(run: TrainingRun): void {
    if (run.isBlank) {
      this.note('Stopped before the first step: nothing is kept.')
      return
    }
    this.#kept(run, 'Stopped')
  }

  /** Says what is kept of a run that an error ends. */
  broken(run: TrainingRun): void {
    if (run.saved > 0) this.#kept(run, 'An error ended the run')
  }

  #kept({ saved, folder }: TrainingRun, what: string): void {
    const npm = process.env.npm_lifecycle_event === 'start'
    const program = npm ? 'npm start --' : 'npx alexnode train'
    this.note(`${what} after step ${saved}. The run is kept in ${foreign(folder)}. To resume it:`)
    this.print(`  ${program} --resume --out ${foreign(folder)}`)
  }
}
