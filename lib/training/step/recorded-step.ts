import type { ImageSet } from '../../data/dataset.ts'
import type { Tensor } from '../../engine/memory.ts'
import type { Program } from '../../engine/program.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { Feed } from '../input/feed.ts'
import type { TrainerOptions } from '../options.ts'
import type { Accumulation } from '../update/accumulation.ts'
import type { Update, UpdateCalls } from '../update/update.ts'
import { endsUpdate, type MicroBatchKind } from './micro-batch.ts'

/** A micro-batch as a program: forward, backward, then the sum of gradients or the update. */
export interface RecordedProgram {
  readonly program: Program
  /** What the program does, in order. */
  readonly calls: readonly BoundCall[]
}

/** A micro-batch that ends its update, as two programs. */
export interface RecordedHalves {
  /** Forward and backward. It leaves weights and running statistics as they are. */
  readonly gradients: RecordedProgram
  /** Everything after: it begins with checking the gradients. */
  readonly update: RecordedProgram
}

export interface RecordedStepOptions extends Pick<TrainerOptions, 'input'> {
  readonly update: Update
  /** Undefined if each update takes one batch. */
  readonly accumulation: Accumulation | undefined
}

/** The training step for one batch size: a build of the net, its feed, and a program for each kind of micro-batch. */
export class RecordedStep {
  readonly net: Net
  readonly feed: Feed
  readonly #update: UpdateCalls
  /** What follows the forward pass. */
  readonly #accumulate: Readonly<Record<MicroBatchKind, readonly BoundCall[]>> | undefined
  readonly #programs = new Map<MicroBatchKind, RecordedProgram>()
  readonly #halves = new Map<MicroBatchKind, RecordedHalves>()

  private constructor(
    feed: Feed,
    update: UpdateCalls,
    accumulate: Readonly<Record<MicroBatchKind, readonly BoundCall[]>> | undefined
  ) {
    this.net = feed.net
    this.feed = feed
    this.#update = update
    this.#accumulate = accumulate
  }

  /** @throws Error where the images do not suit the net */
  static async create(
    net: Net,
    set: ImageSet,
    { update, accumulation, input }: RecordedStepOptions
  ): Promise<RecordedStep> {
    const feed = await Feed.create(net, set, { scalars: update.scalars, input })
    try {
      return new RecordedStep(feed, await update.on(net), await accumulation?.on(net))
    } catch (error) {
      feed.close()
      throw error
    }
  }

  /** f32[1]: the norm of the gradient; undefined without `clipNorm`. */
  get norm(): Tensor | undefined {
    return this.#update.norm
  }

  /** The program for a kind of micro-batch, recorded when it is first needed. */
  program(kind: MicroBatchKind): RecordedProgram {
    const known = this.#programs.get(kind)
    if (known) return known
    const recorded = this.#record(this.#calls(kind))
    this.#programs.set(kind, recorded)
    return recorded
  }

  /** The same as two programs, for a kind that ends its update. */
  halves(kind: MicroBatchKind): RecordedHalves {
    const known = this.#halves.get(kind)
    if (known) return known
    const calls = this.#calls(kind)
    const cut = calls.findIndex(({ call }) => call.pass === 'update')
    const gradients = this.#record(calls.slice(0, cut))
    const recorded = { gradients, update: this.#record(calls.slice(cut)) }
    this.#halves.set(kind, recorded)
    return recorded
  }

  #calls(kind: MicroBatchKind): readonly BoundCall[] {
    const { forward, backward } = this.net.calls
    const update = endsUpdate(kind) ? this.#update.calls : []
    return [...forward, ...(this.#accumulate?.[kind] ?? backward), ...update]
  }

  #record(calls: readonly BoundCall[]): RecordedProgram {
    return { program: this.net.record(calls), calls }
  }

  close(): void {
    const halves = [...this.#halves.values()].flatMap(({ gradients, update }) => [
      gradients,
      update
    ])
    for (const { program } of [...this.#programs.values(), ...halves]) program.close()
    this.feed.close()
  }
}
