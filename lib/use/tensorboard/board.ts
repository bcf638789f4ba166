/** Writes what a training run does to files that TensorBoard reads. */
import type { ImageSet } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import type { TrainSettings } from '../../run/settings.ts'
import type { Evaluation } from '../../training/evaluate/evaluate.ts'
import type { Diagnosis, Step, Validation } from '../../training/train.ts'
import type { Measurement } from '../../training/watch/options.ts'
import {
  type Encoded,
  protobufWriter,
  type StartMessage
} from '../../util/files/protobuf-writer.ts'
import { filterSheet, firstConvolution, towersOf } from '../filters.ts'
import { pngOf } from '../png.ts'
import { EventFile, eventFiles } from './event-file.ts'
import { type Ending, Events, escaped } from './events.ts'
import { graphOf } from './graph.ts'
import { histogramOf } from './histogram.ts'
import { gradientsOf, weightsOf } from './weights.ts'
import { pixelsOf, WorstPredictions, type WrongPrediction } from './worst.ts'

/** What a board is opened with. */
export interface BoardOptions {
  /** The folder of the event files. */
  readonly folder: string
  /** Steps done before. */
  readonly step: number
  readonly net: Net
  readonly settings: TrainSettings
  /** Images of validations. */
  readonly images?: ImageSet | undefined
  /** Told once why nothing more, or no picture, is written: training goes on. */
  readonly onNote: (text: string) => void
}

/** A run's event file, which its first event makes. */
export class Board {
  /** Of validations: give its `add` their batches. */
  readonly worst = new WorstPredictions()
  readonly #options: BoardOptions
  readonly #start: StartMessage
  readonly #events: Events
  /** Event files that were there before. */
  readonly #before: readonly string[]
  #file: EventFile | undefined
  #failed = false
  #pictures = true
  /** The step whose weights were written last. */
  #seen = -1
  #last: Step | undefined
  #ending: Ending = 'failure'

  private constructor(options: BoardOptions, start: StartMessage, before: readonly string[]) {
    this.#options = options
    this.#start = start
    this.#events = new Events(start)
    this.#before = before
  }

  /** @throws DiskError if the folder cannot be read */
  static async open(options: BoardOptions): Promise<Board> {
    return new Board(options, await protobufWriter(), await eventFiles(options.folder))
  }

  /** Adds a step that is done. */
  async step(step: Step): Promise<void> {
    const { gradientNorm, lossScale } = step
    this.#last = step
    await this.#scalars(step.step, {
      'loss/train': step.loss,
      'top1/train': step.top1,
      'top5/train': step.top5,
      rate: step.lr,
      epoch: step.epoch,
      'speed/images per second': step.imagesPerSecond,
      'speed/seconds waited': step.waited,
      ...(gradientNorm !== undefined && { 'gradient norm': gradientNorm }),
      ...(lossScale !== undefined && { 'loss scale': lossScale })
    })
  }

  /** Adds a validation, histograms, filters, and the worst predictions. No step may be in flight. */
  async validation(found: Validation): Promise<void> {
    const { step, loss, top1, top5 } = found
    await this.#scalars(step, {
      'loss/validation': loss,
      'top1/validation': top1,
      'top5/validation': top5
    })
    await this.#weights(step, true)
    const worst = this.worst.take()
    const { images } = this.#options
    if (images && worst.length > 0) await this.#worst(step, worst, images)
  }

  /** Adds what a check measured, layer by layer. */
  readonly measured = ({ step, relus, weights }: Measurement): Promise<void> => {
    return this.#scalars(step, {
      ...Object.fromEntries(weights.map(({ layer, ratio }) => [`update ratio/${layer}`, ratio])),
      ...Object.fromEntries(relus.map(({ layer, live }) => [`zeros after ReLU/${layer}`, 1 - live]))
    })
  }

  async diagnosed({ step, kind, text }: Diagnosis): Promise<void> {
    await this.#write(step, () => [this.#events.text(`diagnosis/${kind}`, escaped(text))])
  }

  /** Adds the result of a run that is done, and the weights that it ends with. */
  async finished(result: Evaluation | undefined): Promise<void> {
    const step = this.#last?.step ?? this.#options.step
    if (result) {
      const { loss, top1, top5 } = result
      await this.#scalars(step, { 'loss/test': loss, 'top1/test': top1, 'top5/test': top5 })
    }
    await this.#weights(step, false)
    this.#ending = 'success'
  }

  /** Writes how the run ended, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    if (!file) return
    const step = this.#last?.step ?? this.#options.step
    await this.#write(step, () => [this.#events.ended(this.#ending)])
    this.#file = undefined
    await file.close().catch((error: unknown) => this.#fail(error))
  }

  #scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    return this.#write(step, () => {
      return Object.entries(values).map(([tag, value]) => this.#events.scalar(tag, value))
    })
  }

  /** @param gradients whether those of the last step are in memory still */
  async #weights(step: number, gradients: boolean): Promise<void> {
    if (this.#failed || this.#seen === step) return
    this.#seen = step
    const { net } = this.#options
    const first = firstConvolution(net.definition)
    for await (const [name, tensor] of weightsOf(net)) {
      const histogram = await histogramOf(tensor.data)
      await this.#write(step, () => [this.#events.histogram(`weights/${name}`, histogram)])
      if (first === undefined || name !== `${first}.weight`) continue
      const towers = towersOf(net.definition)
      await this.#picture(async () => {
        const sheet = filterSheet(tensor, { towers })
        const { height, width } = sheet
        const png = { bytes: await pngOf(sheet), height, width }
        await this.#write(step, () => [this.#events.images(`filters/${first}`, [png])])
      })
    }
    if (!gradients) return
    const scale = this.#last?.lossScale ?? 1
    for await (const [name, { data }] of gradientsOf(net)) {
      if (scale !== 1) for (let i = 0; i < data.length; i++) data[i]! /= scale
      const histogram = await histogramOf(data)
      await this.#write(step, () => [this.#events.histogram(`gradients/${name}`, histogram)])
    }
  }

  async #worst(step: number, worst: readonly WrongPrediction[], set: ImageSet): Promise<void> {
    const name = (label: number) => escaped(set.classes[label] ?? String(label))
    const rows = worst.map(({ image, truth, predicted, probability, most }, i) => {
      const is = `${name(truth)} | ${probability.toFixed(3)}`
      return `| ${i + 1} | ${image} | ${is} | ${name(predicted)} | ${most.toFixed(3)} |`
    })
    const head = '| | image | is | probability | predicted | probability |\n|-|-|-|-|-|-|'
    const table = [head, ...rows].join('\n')
    await this.#write(step, () => [this.#events.text('worst predictions/table', table)])
    await this.#picture(async () => {
      const { height, width } = set
      const channels = set.channels === 1 ? 1 : 3
      const pixels = await pixelsOf(
        set,
        worst.map(({ image }) => image)
      )
      const pictures = pixels.map(async (data) => {
        return { bytes: await pngOf({ data, height, width, channels }), height, width }
      })
      const images = await Promise.all(pictures)
      await this.#write(step, () => [this.#events.images('worst predictions/images', images)])
    })
  }

  /** Draws, unless a picture could not be drawn before: without sharp there are none. */
  async #picture(draw: () => Promise<void>): Promise<void> {
    if (!this.#pictures) return
    await draw().catch((error: unknown) => {
      this.#pictures = false
      this.#options.onNote(`TensorBoard gets no pictures: ${messageOf(error)}`)
    })
  }

  /** Writes an event; the disk never ends the run. */
  async #write(step: number, values: () => readonly Encoded[]): Promise<void> {
    if (this.#failed) return
    try {
      this.#file ??= await this.#begin()
      const list = values()
      if (list.length > 0) this.#file.add(this.#events.summary(step, list))
      await this.#file.drained()
    } catch (error) {
      this.#fail(error)
    }
  }

  async #begin(): Promise<EventFile> {
    const { folder, step, net, settings } = this.#options
    const file = await EventFile.create(folder)
    const events = this.#events
    file.add(events.version())
    // What came after the checkpoint, and is made once more.
    if (this.#before.length > 0) file.add(events.restart(step + 1))
    file.add(events.graph(graphOf(this.#start, net)))
    file.add(events.summary(step, [events.settings(plainSettings(settings))]))
    return file
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#options.onNote(`TensorBoard gets nothing more, and training goes on: ${messageOf(error)}`)
  }
}

/** Settings as hyper-parameters: numbers, texts and flags. */
function plainSettings(settings: TrainSettings): Record<string, string | number | boolean> {
  const plain = Object.entries(settings).flatMap(([name, value]) => {
    if (value === undefined) return []
    return [[name, typeof value === 'object' ? JSON.stringify(value) : value] as const]
  })
  return Object.fromEntries(plain)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
