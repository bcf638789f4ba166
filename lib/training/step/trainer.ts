import type { ImageSet } from '../../data/dataset.ts'
import type { PlannedSlab } from '../../net/memory-plan.ts'
import type { Net } from '../../net/net.ts'
import type { Optimizer } from '../../optim/optimizer.ts'
import type { Progress } from '../../optim/schedule.ts'
import type { InputRecipe } from '../input/augment.ts'
import type { TrainerOptions } from '../options.ts'
import { Accumulation } from '../update/accumulation.ts'
import type { TrainedTensors } from '../update/trained-tensors.ts'
import { Update } from '../update/update.ts'
import { type MicroBatch, microBatchesOf } from './micro-batch.ts'
import { RecordedStep } from './recorded-step.ts'
import { type BatchRun, runBatch } from './run-batch.ts'
import { type MicroBatchResult, mergeResults, type StepResult } from './step-result.ts'

/** Options of one step. */
export interface StepOptions {
  /** Steps done before it; seeds the random draws. */
  readonly step: number
  readonly seed: number
  /** Learning rate, with the schedule's factor. */
  readonly lr: number
  /** Where training stands, for rates that change by parameter. Default: this step of epoch 0. */
  readonly at?: Progress
  /** Loss scale, which the optimizer divides by. Default 1. */
  readonly scale?: number
  /** Set the flag that a non-finite gradient has cleared. Default false. */
  readonly reopen?: boolean
  /** Call the ops one by one instead of running the recorded program. Default false. */
  readonly eager?: boolean
  /** Report when each call of the recorded program ran, which takes a little longer. Default false. */
  readonly timed?: boolean
  /** Hold the update back until the step's `commit` is called. Default false. */
  readonly hold?: boolean
}

/** A step that was queued. */
export interface QueuedStep {
  /** Settles when the device is done with it; never if its update is held back and not committed. */
  readonly result: Promise<StepResult>
  /** Settles, or fails, when the device is done with all but the update that is held back. */
  readonly computed: Promise<unknown>
  /** Queues the update that was held back, before any other step. A second call does nothing. */
  readonly commit: () => void
  /** When its first images were staged. */
  readonly staged: number
  /** Milliseconds for which the device then waited for the images of later micro-batches. */
  readonly idle: number
}

/** A micro-batch that was queued. */
interface QueuedMicroBatch extends BatchRun {
  /** When its images were staged. */
  readonly staged: number
}

/** Runs the training steps of one net on one set of images. Holds the optimizer's state. */
export class Trainer {
  readonly net: Net
  readonly set: ImageSet
  readonly #update: Update
  readonly #input: InputRecipe | undefined
  readonly #smoothing: number
  readonly #accumulation: Accumulation | undefined
  /** By batch size. */
  readonly #steps = new Map<number, Promise<RecordedStep>>()
  /** That of the last micro-batch. */
  #last: RecordedStep | undefined
  /** Micro-batches that may be in flight. */
  readonly #inFlight: Promise<unknown>[] = []

  private constructor(net: Net, set: ImageSet, optimizer: Optimizer, options: TrainerOptions) {
    const { input, labelSmoothing = 0, accumulate = 1 } = options
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
      await trainer.recorded(net.batch)
      trainer.flag(true)
      return trainer
    } catch (error) {
      await trainer.close()
      throw error
    }
  }

  /**
   * True if a step's gradients can be computed while its update is held back, without changing the net: but for the
   * running statistics of micro-batches before the last one.
   */
  get holds(): boolean {
    return (
      !this.#accumulation ||
      this.net.parameters.all.every(({ trained, frozen }) => trained || frozen)
    )
  }

  /** Device memory that training takes besides the net's own. */
  get slabs(): readonly PlannedSlab[] {
    return [
      { name: 'optimizer', bytes: this.#update.bytes },
      { name: 'gradients', bytes: this.#accumulation?.bytes ?? 0 }
    ]
  }

  /** @internal The step for a batch size, made when it is first needed. */
  recorded(batch: number): Promise<RecordedStep> {
    const known = this.#steps.get(batch)
    if (known) return known
    const made = this.#record(batch)
    this.#steps.set(batch, made)
    made.catch(() => this.#steps.delete(batch))
    return made
  }

  async #record(batch: number): Promise<RecordedStep> {
    return RecordedStep.create(await this.net.at({ batch }), this.set, {
      update: this.#update,
      accumulation: this.#accumulation,
      input: this.#input
    })
  }

  /**
   * Stages the images of one step and queues it, in micro-batches if there are more images than the net's batch.
   * The step before may still be in flight. Resolves when the step is queued.
   */
  async step(indices: Uint32Array, options: StepOptions): Promise<QueuedStep> {
    const { step, lr, at = { step, epoch: 0, steps: step }, scale = 1 } = options
    const scalars = [this.#update.scalarsAt({ lr, scale, at })]
    const batches = this.#microBatches(indices)
    const results: Promise<MicroBatchResult>[] = []
    let last: BatchRun | undefined
    let firstStaged = Number.NaN
    let idle = 0
    /** When each micro-batch was done, where it is known. */
    const ends: number[] = []
    for (const [i, batch] of batches.entries()) {
      // The feed is double-buffered.
      while (this.#inFlight.length > 1) await this.#inFlight.shift()
      const asked = performance.now()
      const queued = await this.#queue(batch, { ...options, at }, scalars)
      const { result, staged } = queued
      last = queued
      if (i === 0) firstStaged = staged
      else idle += Math.max(0, staged - Math.max(asked, ends[i - 1] ?? staged))
      this.#inFlight.push(
        result.then(
          ({ settled }) => (ends[i] = settled),
          () => {}
        )
      )
      results.push(result)
      const next = batches[i + 1]
      if (next) await this.prefetch(next.indices)
    }
    const result = Promise.all(results).then((all) => mergeResults(all, scale))
    // The caller may await it much later: until then a failure is not an unhandled rejection.
    result.catch(() => {})
    const { computed = result, commit = () => {} } = last ?? {}
    return { result, computed, commit, staged: firstStaged, idle }
  }

  #microBatches(indices: Uint32Array): readonly MicroBatch[] {
    return microBatchesOf(indices, this.#accumulation ? this.net.batch : indices.length)
  }

  async #queue(
    batch: MicroBatch,
    options: StepOptions & { readonly at: Progress },
    scalars: readonly Float32Array[]
  ): Promise<QueuedMicroBatch> {
    const { step, seed, at, scale = 1, reopen = false } = options
    const { eager = false, timed = false, hold = false } = options
    const { indices, first, share } = batch
    const recorded = await this.recorded(indices.length)
    this.#last = recorded
    const deliver = await recorded.feed.stage({
      indices,
      step,
      seed,
      epoch: at.epoch,
      first,
      scale: scale * share,
      smoothing: this.#smoothing,
      scalars
    })
    const staged = performance.now()
    const delivered = deliver()
    if (reopen && first === 0) this.flag(true)
    return { ...runBatch(recorded, batch, delivered, { eager, timed, hold }), staged }
  }

  /** Starts to read the first images of the step after the next, if the set reads in threads. */
  async prefetch(indices: Uint32Array): Promise<void> {
    const [batch] = this.#microBatches(indices)
    if (!batch) return
    const { feed } = await this.recorded(batch.indices.length)
    feed.prefetch(batch.indices)
  }

  /** Sets or clears the flag on the devices. While it is clear, updates are skipped. */
  flag(open: boolean): void {
    for (const { index, stream } of this.net.placement.parts) {
      stream.write(this.net.parameters.ok(index).place, Int32Array.of(open ? 1 : 0))
    }
  }

  /** Puts each micro-batch of a step into the net's input again, with the same draws and loss scale. */
  async *replay(
    indices: Uint32Array,
    { step, seed, at, scale = 1 }: Omit<StepOptions, 'lr'>
  ): AsyncGenerator<Net> {
    for (const { indices: own, first, share } of this.#microBatches(indices)) {
      const { net, feed } = await this.recorded(own.length)
      const deliver = await feed.stage({
        indices: own,
        step,
        seed,
        epoch: at?.epoch ?? 0,
        first,
        scale: scale * share,
        smoothing: this.#smoothing
      })
      await deliver()
      net.refresh()
      yield net
    }
  }

  /** @internal The build that ran the last micro-batch, with its images in the input. Nothing may be in flight. */
  again(): Net {
    if (!this.#last) throw new Error('[train] expected a step before, got none')
    const { net, feed } = this.#last
    feed.again()
    net.refresh()
    return net
  }

  /** Does `work`, such as a validation, with the weight average in the net, if there is one. */
  averaged<T>(work: () => Promise<T>): Promise<T> {
    return this.#update.averaged(work)
  }

  /** Leaves the weight average in the net, if there is one. No step may follow. */
  settle(): void {
    this.#update.settle()
  }

  /** True if all weights and optimizer state are finite. No step may be in flight. */
  finite(): Promise<boolean> {
    return this.#update.finite()
  }

  /** Weights and optimizer state, row-major in public layouts. */
  export(): Promise<TrainedTensors> {
    return this.#update.export()
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  import(tensors: TrainedTensors): Promise<void> {
    return this.#update.import(tensors)
  }

  /** With other processes: all get the weights and the optimizer state of rank 0. */
  spread(): Promise<void> {
    return this.#update.spread()
  }

  async close(): Promise<void> {
    this.net.disown(this)
    await this.net.placement.synchronize().catch(() => {})
    for (const step of this.#steps.values()) {
      const recorded = await step.catch(() => undefined)
      recorded?.close()
    }
    this.#steps.clear()
    this.#update.close()
    this.#accumulation?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
