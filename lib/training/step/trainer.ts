/** One training run over one net: the recorded step, the optimizer's state, and what it takes to go on later. */

import type { ImageSet } from '../../data/dataset.ts'
import type { Tensor } from '../../engine/memory.ts'
import type { Program } from '../../engine/program.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { PlannedSlab } from '../../net/memory-plan.ts'
import type { Net } from '../../net/net.ts'
import type { Optimizer } from '../../optim/optimizer.ts'
import type { Progress } from '../../optim/schedule.ts'
import { type Span, spansOf } from '../bench/timeline.ts'
import { type Stats, statsOf } from '../evaluate/metrics.ts'
import type { InputRecipe } from '../input/augment.ts'
import { Feed } from '../input/feed.ts'
import {
  Accumulation,
  type MicroBatch,
  type RoundKind,
  roundsOf,
  updates
} from '../update/accumulation.ts'
import { type TrainedTensors, Update, type UpdateOptions } from '../update/update.ts'

/** What one batch size needs to be trained on. */
interface Stage {
  readonly net: Net
  readonly feed: Feed
  /** One round of a step, from what lies in the net's input to new weights, or to gradients that are added up. */
  round(kind: RoundKind): Recorded
  /** f32[1]: the norm of the gradient, where it is measured. */
  readonly norm: Tensor | undefined
  close(): void
}

interface Recorded {
  readonly program: Program
  /** What it does, in order. */
  readonly calls: readonly BoundCall[]
}

export interface StepResult extends Stats {
  /** Whether all gradients were; if not, the update was skipped. */
  readonly finite: boolean
  /** When it was done, by `performance.now()`. */
  readonly settled: number
  /** Where it is measured: the norm of the gradient, unscaled and before it was clipped. */
  readonly gradientNorm?: number
  /** When the calls of its last round ran, where that was asked for. */
  readonly spans?: readonly Span[]
}

/** What a trainer is made with. */
export interface TrainerOptions extends UpdateOptions {
  /** How images become the net's input. Default: see `settleInput`. */
  readonly input?: InputRecipe | undefined
  /** Share of the loss's target that goes to all classes alike. Default 0. */
  readonly labelSmoothing?: number | undefined
  /** Batches whose gradients make one update. Default 1. */
  readonly accumulate?: number | undefined
}

/** What a step is made with. */
export interface StepOptions {
  /** Steps done, for the random draws. */
  readonly step: number
  readonly seed: number
  /** The rate of this step. */
  readonly lr: number
  /** Where training stands, for what changes in its course. Default: at this step of epoch 0. */
  readonly at?: Progress
  /** Factor on the loss's gradient, which the optimizer undoes. Default 1. */
  readonly scale?: number
  /** Set the flag that a gradient which was not finite has cleared. Default false. */
  readonly reopen?: boolean
  /** Call the ops one by one instead of running the recorded step. Default false. */
  readonly eager?: boolean
  /** Tell when each call of the recorded step ran; that takes a little longer. Default false. */
  readonly timed?: boolean
}

/** A step that was queued. */
export interface QueuedStep {
  readonly result: Promise<StepResult>
  /** When its first images were there. */
  readonly staged: number
  /** Milliseconds for which the device then waited for more of them. */
  readonly idle: number
}

export class Trainer {
  readonly net: Net
  readonly set: ImageSet
  readonly #update: Update
  readonly #input: InputRecipe | undefined
  readonly #smoothing: number
  readonly #accumulation: Accumulation | undefined
  readonly #stages = new Map<number, Promise<Stage>>()
  /** That of the last round. */
  #last: Stage | undefined
  /** Rounds that may be under way. */
  readonly #flying: Promise<unknown>[] = []

  private constructor(
    net: Net,
    set: ImageSet,
    optimizer: Optimizer,
    { input, labelSmoothing = 0, accumulate = 1, ...options }: TrainerOptions
  ) {
    this.net = net
    this.set = set
    this.#update = new Update(net, optimizer, options)
    this.#input = input
    this.#smoothing = labelSmoothing
    this.#accumulation = accumulate > 1 ? new Accumulation(net) : undefined
  }

  /** @throws Error where the net was built for inference, or the images do not suit it */
  static async create(
    net: Net,
    set: ImageSet,
    optimizer: Optimizer,
    options: TrainerOptions = {}
  ): Promise<Trainer> {
    if (!net.training)
      throw new Error('[train] expected a net built for training, got one for inference')
    const trainer = net.own(new Trainer(net, set, optimizer, options))
    try {
      await trainer.stage(net.batch)
      trainer.flag(true)
      return trainer
    } catch (error) {
      await trainer.close()
      throw error
    }
  }

  /** What the run takes besides the net. */
  get slabs(): readonly PlannedSlab[] {
    return [
      { name: 'optimizer', bytes: this.#update.bytes },
      { name: 'gradients', bytes: this.#accumulation?.bytes ?? 0 }
    ]
  }

  /** @internal */
  stage(batch: number): Promise<Stage> {
    const known = this.#stages.get(batch)
    if (known) return known
    const made = this.#makeStage(batch)
    this.#stages.set(batch, made)
    made.catch(() => this.#stages.delete(batch))
    return made
  }

  async #makeStage(batch: number): Promise<Stage> {
    const net = await this.net.at({ batch })
    const { scalars } = this.#update
    const feed = await Feed.create(net, this.set, { scalars, input: this.#input })
    try {
      const { calls: update, norm } = await this.#update.on(net)
      const added = await this.#accumulation?.on(net)
      const { forward, backward } = net.calls
      const known = new Map<RoundKind, Recorded>()
      const round = (kind: RoundKind) => {
        const recorded = known.get(kind)
        if (recorded) return recorded
        const whole = updates(kind) ? update : []
        const calls = [...forward, ...backward, ...(added?.[kind] ?? []), ...whole]
        const made = { program: net.record(calls), calls }
        known.set(kind, made)
        return made
      }
      const close = () => {
        for (const { program } of known.values()) program.close()
        feed.close()
      }
      return { net, feed, norm, round, close }
    } catch (error) {
      feed.close()
      throw error
    }
  }

  /**
   * Stages one step and queues it, in rounds of a batch where it has more images; the device need not be done with
   * the step before. Resolves when it is queued.
   */
  async step(indices: Uint32Array, options: StepOptions): Promise<QueuedStep> {
    const { step, lr, at = { step, epoch: 0, steps: step }, scale = 1 } = options
    const scalars = [this.#update.numbers({ lr, scale, at })]
    const rounds = this.#rounds(indices)
    const results: Promise<RoundResult>[] = []
    let staged = Number.NaN
    let idle = 0
    /** When each round was done, as far as is known. */
    const ends: number[] = []
    for (const [i, round] of rounds.entries()) {
      // A feed has room for two.
      while (this.#flying.length > 1) await this.#flying.shift()
      const asked = performance.now()
      const { done, there } = await this.#round(round, { ...options, at }, scalars)
      if (i === 0) staged = there
      else idle += Math.max(0, there - Math.max(asked, ends[i - 1] ?? there))
      this.#flying.push(
        done.then(
          ({ settled }) => (ends[i] = settled),
          () => {}
        )
      )
      results.push(done)
      const next = rounds[i + 1]
      if (next) await this.prefetch(next.indices)
    }
    const result = Promise.all(results).then((all) => together(all, scale))
    // Whoever awaits it later hears of a failure; until then it is not an unhandled one.
    result.catch(() => {})
    return { result, staged, idle }
  }

  #rounds(indices: Uint32Array): readonly MicroBatch[] {
    return roundsOf(indices, this.#accumulation ? this.net.batch : indices.length)
  }

  async #round(
    { indices, first, share, kind }: MicroBatch,
    options: StepOptions & { readonly at: Progress },
    scalars: readonly Float32Array[]
  ): Promise<{ readonly done: Promise<RoundResult>; readonly there: number }> {
    const { step, seed, at, scale = 1, reopen = false, eager = false, timed = false } = options
    const stage = await this.stage(indices.length)
    const { net, feed, norm } = stage
    this.#last = stage
    const { program, calls } = stage.round(kind)
    const told = { epoch: at.epoch, scale: scale * share, smoothing: this.#smoothing, scalars }
    const deliver = await feed.stage({ indices, step, seed, first, ...told })
    const there = performance.now()
    const delivered = deliver()
    if (reopen && first === 0) this.flag(true)
    net.refresh()
    const spans = timed && updates(kind) ? spansOf(net, program, calls) : undefined
    const ran = spans ?? (eager ? net.run(calls) : program.run())
    if (updates(kind)) net.refreshed()
    const all = Promise.all([
      delivered,
      ran,
      statsOf(net, indices.length),
      net.stream.read(net.io.ok.place),
      updates(kind) && norm ? net.stream.read(norm) : undefined,
      spans
    ])
    const done = all.then(([, , stats, ok, norm, spans]) => ({
      ...{ ...stats, share, finite: ok[0] === 1, settled: performance.now() },
      ...{ gradientNorm: norm?.[0], spans }
    }))
    done.catch(() => {})
    return { done, there }
  }

  /** Begins to read the first images of the step after the next, where threads do that. */
  async prefetch(indices: Uint32Array): Promise<void> {
    const [round] = this.#rounds(indices)
    if (!round) return
    const { feed } = await this.stage(round.indices.length)
    feed.prefetch(round.indices)
  }

  /** Sets the flag, or clears it: updates are made where it is set. */
  flag(open: boolean): void {
    for (const { index, stream } of this.net.placement.parts) {
      stream.write(this.net.parameters.ok(index).place, Int32Array.of(open ? 1 : 0))
    }
  }

  /** Puts the images of each round of a step into the net's input again, with the factor that the loss had. */
  async *replay(
    indices: Uint32Array,
    { step, seed, at, scale = 1 }: Omit<StepOptions, 'lr'>
  ): AsyncGenerator<Net> {
    for (const { indices: own, first, share } of this.#rounds(indices)) {
      const { net, feed } = await this.stage(own.length)
      const told = { epoch: at?.epoch ?? 0, scale: scale * share, smoothing: this.#smoothing }
      const deliver = await feed.stage({ indices: own, step, seed, first, ...told })
      await deliver()
      net.refresh()
      yield net
    }
  }

  /** @internal The build of the last round, with its batch in the input. Nothing may be under way. */
  again(): Net {
    if (!this.#last) throw new Error('[train] expected a step before, got none')
    const { net, feed } = this.#last
    feed.again()
    net.refresh()
    return net
  }

  /** Evaluates, say: with the weights' average in the net, where one is kept. */
  averaged<T>(work: () => Promise<T>): Promise<T> {
    return this.#update.averaged(work)
  }

  /** Leaves the weights' average in the net, where one is kept; no step can follow. */
  settle(): void {
    this.#update.settle()
  }

  /** Weights and optimizer state in public layouts. */
  export(): Promise<TrainedTensors> {
    return this.#update.export()
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  import(tensors: TrainedTensors): Promise<void> {
    return this.#update.import(tensors)
  }

  async close(): Promise<void> {
    this.net.disown(this)
    await this.net.placement.synchronize().catch(() => {})
    for (const stage of this.#stages.values()) {
      const made = await stage.catch(() => undefined)
      made?.close()
    }
    this.#stages.clear()
    this.#update.close()
    this.#accumulation?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

interface RoundResult extends Stats {
  readonly share: number
  readonly finite: boolean
  readonly settled: number
  /** Of the round that makes the update, where it is measured. */
  readonly gradientNorm: number | undefined
  readonly spans: readonly Span[] | undefined
}

/** What came of a step, of what came of its rounds. */
function together(rounds: readonly RoundResult[], scale: number): StepResult {
  const sum = (of: (round: RoundResult) => number) => rounds.reduce((all, one) => all + of(one), 0)
  const { finite = false, settled = Number.NaN, gradientNorm, spans } = rounds.at(-1) ?? {}
  return {
    loss: sum(({ loss, share }) => loss * share),
    top1: sum(({ top1 }) => top1),
    top5: sum(({ top5 }) => top5),
    ...{ finite, settled },
    ...(gradientNorm !== undefined && { gradientNorm: gradientNorm / scale }),
    ...(spans && { spans })
  }
}
