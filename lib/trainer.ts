/** One training run over one net: the recorded step, the optimizer's state, and what it takes to go on later. */
import type { InputRecipe } from './augment.ts'
import type { ImageSet } from './data/dataset.ts'
import { Feed } from './feed.ts'
import type { PlannedSlab } from './memory-plan.ts'
import { type Stats, statsOf } from './metrics.ts'
import type { BoundCall, Net } from './net.ts'
import type { Optimizer } from './optimizer.ts'
import type { Program } from './program.ts'
import type { Progress } from './schedule.ts'
import type { Tensor } from './tensor.ts'
import { type TrainedTensors, Update, type UpdateOptions } from './update.ts'

/** What one batch size needs to be trained on. */
interface Stage {
  readonly net: Net
  readonly feed: Feed
  /** One step, from what lies in the net's input to new weights. */
  readonly program: Program
  /** What it does, in order. */
  readonly calls: readonly BoundCall[]
  /** f32[1]: the norm of the gradient, where it is measured. */
  readonly norm: Tensor | undefined
}

export interface StepResult extends Stats {
  /** Whether all gradients were; if not, the update was skipped. */
  readonly finite: boolean
  /** When it was done, by `performance.now()`. */
  readonly settled: number
  /** Where it is measured: the norm of the gradient, unscaled and before it was clipped. */
  readonly gradientNorm?: number
}

/** What a trainer is made with. */
export interface TrainerOptions extends UpdateOptions {
  /** How images become the net's input. Default: see `settleInput`. */
  readonly input?: InputRecipe | undefined
  /** Share of the loss's target that goes to all classes alike. Default 0. */
  readonly labelSmoothing?: number | undefined
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
}

export class Trainer {
  readonly net: Net
  readonly set: ImageSet
  readonly #update: Update
  readonly #input: InputRecipe | undefined
  readonly #smoothing: number
  readonly #stages = new Map<number, Promise<Stage>>()

  private constructor(
    net: Net,
    set: ImageSet,
    optimizer: Optimizer,
    { input, labelSmoothing = 0, ...options }: TrainerOptions
  ) {
    this.net = net
    this.set = set
    this.#update = new Update(net, optimizer, options)
    this.#input = input
    this.#smoothing = labelSmoothing
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
    return [{ name: 'optimizer', bytes: this.#update.bytes }]
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
      const update = await this.#update.on(net)
      const { forward, backward } = net.calls
      const calls = [...forward, ...backward, ...update.calls]
      const program = net.record(calls)
      return { net, feed, program, calls, norm: update.norm }
    } catch (error) {
      feed.close()
      throw error
    }
  }

  /**
   * Stages one step and queues it; the device need not be done with the step before.
   * @returns when it is queued; `result` resolves when it is done, and `staged` is when its images were there
   */
  async step(
    indices: Uint32Array,
    {
      step,
      seed,
      lr,
      at = { step, epoch: 0, steps: step },
      scale = 1,
      reopen = false,
      eager = false
    }: StepOptions
  ): Promise<{ readonly result: Promise<StepResult>; readonly staged: number }> {
    const { net, feed, program, calls, norm } = await this.stage(indices.length)
    const scalars = [this.#update.numbers({ lr, scale, at })]
    const told = { epoch: at.epoch, scale, smoothing: this.#smoothing, scalars }
    const deliver = await feed.stage({ indices, step, seed, ...told })
    const staged = performance.now()
    const delivered = deliver()
    if (reopen) this.flag(true)
    net.refresh()
    const ran = eager ? net.run(calls) : program.run()
    net.refreshed()
    const all = Promise.all([
      delivered,
      ran,
      statsOf(net, indices.length),
      net.stream.read(net.ports.ok.place),
      norm && net.stream.read(norm)
    ])
    const result = all.then(([, , stats, ok, norm]) => ({
      ...stats,
      ...{ finite: ok[0] === 1, settled: performance.now() },
      ...(norm && { gradientNorm: (norm[0] ?? Number.NaN) / scale })
    }))
    // Whoever awaits it later hears of a failure; until then it is not an unhandled one.
    result.catch(() => {})
    return { result, staged }
  }

  /** Begins to read the batch after the next step's, where threads do that. */
  async prefetch(indices: Uint32Array): Promise<void> {
    const { feed } = await this.stage(indices.length)
    feed.prefetch(indices)
  }

  /** Sets the flag, or clears it: updates are made where it is set. */
  flag(open: boolean): void {
    for (const { index, stream } of this.net.placement.parts) {
      stream.write(this.net.parameters.ok(index).place, Int32Array.of(open ? 1 : 0))
    }
  }

  /** Puts a batch into the net's input again, with the factor on the loss's gradient that it had. */
  async replay(
    indices: Uint32Array,
    { step, seed, at, scale = 1 }: Omit<StepOptions, 'lr'>
  ): Promise<Net> {
    const { net, feed } = await this.stage(indices.length)
    const epoch = at?.epoch ?? 0
    const smoothing = this.#smoothing
    const deliver = await feed.stage({ indices, step, seed, epoch, scale, smoothing })
    await deliver()
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
      made?.program.close()
      made?.feed.close()
    }
    this.#stages.clear()
    this.#update.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
