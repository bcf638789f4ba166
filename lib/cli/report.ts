/** What training shows to people, or, as JSON lines, to programs. */
import type { SingleBar } from 'cli-progress'
import type { Dataset } from '../data/dataset.ts'
import type { Device } from '../engine/device.ts'
import type { Net } from '../net/net.ts'
import type { TrainSettings } from '../run/settings.ts'
import type { TrainingRun } from '../run/training-run.ts'
import type { Evaluation } from '../training/evaluate/evaluate.ts'
import type { Diagnosis, Step, Validation } from '../training/train.ts'
import { type DeviceSettings, deviceText } from './device.ts'
import { COLUMNS, count, duration, entry, fraction, onePiece, pace, short, wrap } from './format.ts'
import { layerTable, planText, totals } from './tables.ts'
import { Waiting } from './waiting.ts'

export interface ReportOptions {
  /** One JSON object a line on stdout, and all else on stderr. Default false. */
  readonly json?: boolean
}

/** Where there is no terminal, a line comes at most this often, in milliseconds. */
const LINE_MS = 5000

/** Says where a training run stands. */
export class Report {
  readonly #json: boolean
  readonly #out: NodeJS.WriteStream
  readonly #start = performance.now()
  #bar: SingleBar | undefined
  #line = Number.NEGATIVE_INFINITY
  #steps: number | undefined
  #secondsPerStep = 0
  #skipped = 0
  #behind = false
  readonly #waiting = new Waiting()
  #factor: number | undefined

  constructor({ json = false }: ReportOptions = {}) {
    this.#json = json
    this.#out = json ? process.stderr : process.stdout
  }

  #print(text: string): void {
    const bar = this.#bar
    bar?.stop()
    this.#bar = undefined
    this.#out.write(`${text}\n`)
  }

  /** Something that a person should know. */
  readonly note = (text: string): void => {
    this.#print(wrap(text).join('\n'))
  }

  /** Where the images came from. */
  data({ name, source, notice, train, test, classes }: Dataset): void {
    if (notice !== undefined) this.note(notice)
    const { height, width, channels } = train
    const size = `${height}×${width}${channels === 1 ? '' : `×${channels}`}`
    const images = `${count(train.length)} + ${count(test.length)} images of ${size}`
    this.#print(entry('Data', `${name}, ${source}\n${images}, ${classes.length} classes`))
  }

  /** What computes, in what, and why. */
  device(devices: readonly Device[], where: DeviceSettings, dtype: string, reason: string): void {
    this.#print(`${deviceText(devices, where)}\n${entry('dtype', `${dtype}: ${reason}`)}`)
  }

  /** The net's table and the memory that it takes. */
  async net({ definition, layers, batch, plan }: Net): Promise<void> {
    const { channels, height, width } = definition.input
    const { parameters, macs } = totals(layers)
    const input = `${channels}×${height}×${width}`
    const size = `${count(parameters)} parameters, ${short(macs)} MACs an image`
    this.#print(entry('Net', `${definition.name}: ${input} in batches of ${batch}, ${size}`))
    this.#print(await layerTable(layers))
    this.#print(planText(plan))
  }

  /** What is trained, and where it is kept. */
  run({ settings, folder, step, from }: TrainingRun, notes: readonly string[] = []): void {
    const { recipe, ablate, optimizer, lr, momentum, beta2, weightDecay, schedule, seed } = settings
    const moves =
      optimizer === 'sgd' ? `SGD: momentum ${momentum}` : `Adam: β₁ ${momentum}, β₂ ${beta2}`
    const changed = from?.state.rates?.at(-1)
    const now = changed ? `, from step ${changed.step} on ${changed.lr}` : ''
    const rates = `${moves}, rate ${lr} (${schedule})${now}, decay ${weightDecay}, seed ${seed}`
    const place = step > 0 ? `, goes on after step ${step}` : ''
    if (recipe !== undefined) {
      const without = ablate === undefined ? '' : `, ${ablate.split(',').join(', ')}`
      this.#print(entry('Recipe', [`${recipe}${without}`, ...notes].join('\n')))
    }
    const more = besides(settings)
    const lines = [rates, ...(more === '' ? [] : [more]), `kept in ${onePiece(folder)}${place}`]
    this.#print(entry('Training', lines.join('\n')))
  }

  /** One step that is done. */
  async step(step: Step): Promise<void> {
    const { steps, images, imagesPerSecond } = step
    this.#changed(step)
    if (this.#json) this.#object(jsonOf(step))
    const seconds = images / imagesPerSecond
    const first = this.#steps === undefined
    // The first step touches fresh memory: what comes after tells the pace.
    this.#secondsPerStep =
      this.#secondsPerStep === 0 ? seconds : 0.8 * this.#secondsPerStep + 0.2 * seconds
    if (!first && this.#steps !== steps) this.#chosen(step)
    this.#steps = steps
    this.#overflow(step)
    this.#waiting.add(step.waited, seconds)
    const advice = this.#waiting.advice()
    if (advice !== undefined) this.note(advice)
    if (this.#json) return
    const eta = (steps - step.step) * this.#secondsPerStep
    const text =
      `loss ${step.loss.toFixed(3).padStart(6)}  top-1 ${fraction(step.top1).padStart(5)}  ` +
      `${pace(imagesPerSecond)} images/s  ETA ${duration(eta)}${this.#waiting.text}`
    await this.#progress('step', step.step, steps, text, first)
    if (step.step === steps) this.#stop()
  }

  /** Tells of an overflow, and counts the steps that it costs. */
  #overflow({ step, lossScale, skipped = false }: Step): void {
    if (skipped) this.#skipped++
    // The step behind one that overflowed is skipped, whatever came of it.
    this.#behind = skipped && !this.#behind
    if (!this.#behind || lossScale === undefined) return
    this.note(
      `Step ${step}: gradients overflowed at a loss scale of ${count(lossScale)}. It is skipped with ` +
        `the one behind it, and the scale is ${count(lossScale / 2)} from then on.`
    )
  }

  /** Tells of a rate that was changed as the run went on. */
  #changed({ step, rateChange }: Step): void {
    if (!rateChange) return
    const { old, lr } = rateChange
    if (this.#json) this.#object({ step, lr_old: old, lr_new: lr })
    this.note(`Step ${step}: the rate is ${lr} from here on, and was ${old} before.`)
  }

  #chosen({ steps, images, epoch, step }: Step): void {
    const share = (epoch / step) * steps
    const rate = pace(images / this.#secondsPerStep)
    this.note(
      `${count(steps)} steps (${share.toFixed(2)} epochs) are what fits the time at ${rate} images/s; ` +
        'choose by --steps or --epochs'
    )
  }

  /** Pictures are being prepared. */
  readonly preparing = (done: number, total: number, skipped: number): void => {
    const text = skipped > 0 ? `preparing, ${count(skipped)} skipped` : 'preparing'
    void this.#progress('image', done, total, text, done === total)
    if (done === total) this.#stop()
  }

  /** The test is under way. */
  readonly testing = (done: number, total: number): void => {
    if (!this.#json) void this.#progress('test', done, total, 'testing', done === total)
    if (done === total) this.#stop()
  }

  /** A validation is under way. */
  readonly validating = (done: number, total: number): void => {
    if (!this.#json) void this.#progress('validation', done, total, 'testing', done === total)
    if (done === total) this.#stop()
  }

  /** What a validation found, and what follows from it. */
  validated(validation: Validation): void {
    const { step, top1, loss, best, factor, stops } = validation
    if (this.#json) this.#object(jsonOfValidation(validation))
    const dropped = factor !== undefined && factor !== this.#factor && this.#factor !== undefined
    this.#factor = factor
    if (this.#json) return
    this.note(
      `Step ${step}: top-1 ${fraction(top1)}, loss ${loss.toFixed(3)} in validation` +
        `${best ? ', the best so far' : ''}.` +
        `${dropped ? ` The rate is ${factor} of what it was at first from here on.` : ''}` +
        `${stops ? ' It has not got better for long enough: training ends.' : ''}`
    )
  }

  /** What is wrong with the run; of what ends it, the error tells. */
  diagnosed({ step, kind, layer, text }: Diagnosis): void {
    if (this.#json) {
      this.#object({ step, diagnosis: kind, ...(layer !== undefined && { layer }), text })
    }
    if (kind !== 'not-finite') this.note(`Step ${step}: ${text}`)
  }

  /** The end: what was reached, and where everything lies. */
  finished({ top1, loss, images }: Evaluation, run: TrainingRun): void {
    const steps = run.saved
    if (this.#json) this.#object({ final: true, test_top1: top1, test_loss: loss, steps })
    const seconds = (performance.now() - this.#start) / 1000
    this.#print(
      [
        entry(
          'Test',
          `top-1 ${fraction(top1)}, loss ${loss.toFixed(3)} on ${count(images)} images`
        ),
        ...(this.#skipped > 0 ? [entry('Skipped', overflows(this.#skipped))] : []),
        entry('Time', duration(seconds)),
        entry('Weights', onePiece(run.weightsFile)),
        entry('Log', onePiece(run.logFile))
      ].join('\n')
    )
  }

  /** One step's calls are in a file. */
  traced(file: string, step: number): void {
    this.note(`Step ${step}, call by call, is in ${onePiece(file)}: open it in ui.perfetto.dev.`)
  }

  /** It was interrupted, and can go on. */
  interrupted(run: TrainingRun): void {
    const npm = process.env.npm_lifecycle_event === 'start'
    const program = npm ? 'npm start --' : 'npx alexnode train'
    this.note(`Stopped after step ${run.saved}. It is kept in ${run.folder}; to go on:`)
    this.#print(`  ${program} --resume --out ${run.folder}`)
  }

  /** Ends the bar, so that what follows has a line of its own. */
  #stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #object(object: object): void {
    process.stdout.write(`${JSON.stringify(object)}\n`)
  }

  async #progress(name: string, value: number, total: number, text: string, now: boolean) {
    const head = `${name} ${value}/${total}`
    if (!this.#out.isTTY) {
      const time = performance.now()
      if (!now && value < total && time - this.#line < LINE_MS) return
      this.#line = time
      this.#out.write(`${head}  ${text}\n`)
      return
    }
    if (!this.#bar) {
      const { default: progress } = await import('cli-progress')
      this.#bar ??= new progress.SingleBar({
        ...{ stream: this.#out, hideCursor: true, gracefulExit: false, linewrap: false },
        format: (_, { progress }, { head, text }) => barLine(head, text, progress)
      })
      this.#bar.start(total, value, { head, text })
    }
    this.#bar.setTotal(total)
    this.#bar.update(value, { head, text })
  }
}

/** What a run does besides the usual. */
function besides({ labelSmoothing, clipNorm, ema, accumulate }: TrainSettings): string {
  return [
    ...(labelSmoothing === undefined ? [] : [`label smoothing ${labelSmoothing}`]),
    ...(clipNorm === undefined ? [] : [`gradients clipped at norm ${clipNorm}`]),
    ...(ema === undefined ? [] : [`weights averaged by ${ema}`]),
    ...(accumulate === undefined || accumulate === 1 ? [] : [`steps of ${accumulate} batches`])
  ].join(', ')
}

function barLine(head: string, text: string, progress: number): string {
  const room = COLUMNS - 1 - head.length - text.length - 4
  const full = Math.round(Math.max(0, room) * Math.min(1, progress))
  const bar = room > 0 ? `[${'█'.repeat(full)}${'░'.repeat(room - full)}]` : ' '
  return `${head} ${bar} ${text}`
}

function overflows(steps: number): string {
  return `${count(steps)} ${steps === 1 ? 'step' : 'steps'}, for gradients that overflowed`
}

/** One line of `--json`. */
function jsonOf(done: Step): object {
  const { step, loss, top1, imagesPerSecond, gradientNorm, lossScale, skipped } = done
  return {
    ...{ step, loss, top1, images_per_s: imagesPerSecond },
    ...(gradientNorm !== undefined && { gradient_norm: gradientNorm }),
    ...(lossScale !== undefined && { loss_scale: lossScale, skipped })
  }
}

function jsonOfValidation({ step, loss, top1, best, factor }: Validation): object {
  return {
    ...{ step, validation_loss: loss, validation_top1: top1, best },
    ...(factor !== undefined && { lr_factor: factor })
  }
}

/** Opens a report; see `lib/cli/train.ts`. */
export function createReport(options: ReportOptions = {}): Report {
  return new Report(options)
}
