/** One training run over one net: the recorded step, the optimizer's state, and what it takes to go on later. */
import type { InputRecipe } from './augment.ts'
import type { ImageSet } from './data/dataset.ts'
import { Feed } from './feed.ts'
import type { PlannedSlab } from './memory-plan.ts'
import { type Stats, statsOf } from './metrics.ts'
import type { BoundCall, Net } from './net.ts'
import type { Optimizer } from './optimizer.ts'
import { OptimizerMemory } from './optimizer-memory.ts'
import { exportTensors, importTensors, type Parameter, type PublicTensor } from './parameters.ts'
import type { Program } from './program.ts'
import { type Course, type Courses, type Progress, together } from './schedule.ts'
import type { Tape } from './tape.ts'
import type { Tensor } from './tensor.ts'
import type { Value } from './value.ts'

/** What one batch size needs to be trained on. */
interface Stage {
  readonly net: Net
  readonly feed: Feed
  /** One step, from what lies in the net's input to new weights. */
  readonly program: Program
  /** What it does, in order. */
  readonly calls: readonly BoundCall[]
}

export interface StepResult extends Stats {
  /** Whether all gradients were; if not, the update was skipped. */
  readonly finite: boolean
  /** When it was done, by `performance.now()`. */
  readonly settled: number
}

/** All that changes while training, on the host's side of the device. */
export interface TrainerTensors {
  readonly weights: ReadonlyMap<string, PublicTensor>
  /** By state slot: 'v', or 'm' and 'v'; then by parameter. */
  readonly optimizer: ReadonlyMap<string, ReadonlyMap<string, PublicTensor>>
}

/** What a trainer is made with. */
export interface TrainerOptions {
  /** What parameters have to themselves of rate and decay. Default: nothing. */
  readonly courses?: Courses | undefined
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
  readonly optimizer: Optimizer
  /** Row i of hyper belongs to the i-th group: parameters of one course, with equal factors. */
  readonly #groups: readonly Group[]
  readonly #groupOf: ReadonlyMap<Parameter, number>
  /** By part of the net. */
  readonly #memories: readonly OptimizerMemory[]
  /** What goes to their rows with the next step. */
  readonly #scalars: Float32Array
  readonly #tapes: Tape[] = []
  readonly #input: InputRecipe | undefined
  readonly #smoothing: number
  readonly #stages = new Map<number, Promise<Stage>>()

  private constructor(
    net: Net,
    set: ImageSet,
    optimizer: Optimizer,
    { courses = together, input, labelSmoothing = 0 }: TrainerOptions
  ) {
    this.net = net
    this.set = set
    this.optimizer = optimizer
    this.#input = input
    this.#smoothing = labelSmoothing
    const trained = net.parameters.trained
    const { groups, of } = grouped(trained, courses)
    this.#groups = groups
    this.#groupOf = of
    this.#memories = net.placement.parts.map(({ device, index }) => {
      const own = trained.filter(({ part }) => part === index)
      return new OptimizerMemory(device, own, optimizer, groups.length)
    })
    this.#scalars = new Float32Array((this.#memories[0]?.hyper.bytes ?? 0) / 4)
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
    return [{ name: 'optimizer', bytes: this.#memories.reduce((sum, { bytes }) => sum + bytes, 0) }]
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
    const scalars = this.#memories.map(({ hyper }) => [hyper])
    const feed = await Feed.create(net, this.set, { scalars, input: this.#input })
    try {
      const update = await this.#update(net)
      const { forward, backward } = net.calls
      const calls = [...forward, ...backward, ...update]
      const program = net.record(calls)
      return { net, feed, program, calls }
    } catch (error) {
      feed.close()
      throw error
    }
  }

  /** The optimizer's call for each parameter, then the refreshing of what is packed. */
  async #update(net: Net): Promise<BoundCall[]> {
    const tapes = net.tapes()
    this.#tapes.push(...tapes)
    const written = new Set<Value>()
    for (const parameter of net.parameters.trained) {
      const { master, gradient, part } = parameter
      const tape = tapes[part]
      const packed = net.draft.tapes[part]?.packed
      const memory = this.#memories[part]
      if (!tape || !memory) throw new Error(`[train] ${parameter.name} lies on no part of the net`)
      const w16 =
        net.dtype === 'f32'
          ? undefined
          : packed?.get(`${parameter.name} ${net.dtype} ${master.layout}`)
      if (w16) written.add(w16)
      tape.at(parameter.layer, 'update')
      const state = this.optimizer.state.map((slot, i) => [slot, memory.state[i]?.get(parameter)])
      await tape.call(this.optimizer.op, this.optimizer.fields, {
        w: master,
        w16,
        g: gradient,
        hyper: memory.rows[this.#groupOf.get(parameter) ?? 0],
        ok: net.parameters.ok(part),
        ...Object.fromEntries(state)
      })
    }
    const refresh = net.refreshCalls.filter(({ call }) => !call.args.y || !written.has(call.args.y))
    return [...net.bind(tapes[0]?.calls ?? []), ...refresh]
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
    const { net, feed, program, calls } = await this.stage(indices.length)
    this.#setScalars(lr, scale, at)
    const told = { epoch: at.epoch, scale, smoothing: this.#smoothing, scalars: [this.#scalars] }
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
      net.stream.read(net.ports.ok.place)
    ])
    const result = all.then(([, , stats, ok]) => ({
      ...stats,
      ...{ finite: ok[0] === 1, settled: performance.now() }
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

  /** What the optimizer's calls of this step read, group by group. */
  #setScalars(lr: number, scale: number, at: Progress): void {
    const { weightDecay } = this.optimizer
    for (const [i, { rate, decay, course }] of this.#groups.entries()) {
      const row = this.optimizer.hyper({
        lr: lr * rate * (course.rate?.(at) ?? 1),
        decay: weightDecay * decay * (course.decay?.(at) ?? 1),
        ...{ step: at.step, factor: 1 / scale }
      })
      this.#scalars.set(row, i * row.length)
    }
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

  /** Weights and optimizer state in public layouts. */
  async export(): Promise<TrainerTensors> {
    const { stream, parameters } = this.net
    const optimizer = new Map<string, ReadonlyMap<string, PublicTensor>>()
    for (const [i, slot] of this.optimizer.state.entries()) {
      optimizer.set(slot, await exportTensors(stream, this.#places(i)))
    }
    return { weights: await parameters.export(stream), optimizer }
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  async import({ weights, optimizer }: TrainerTensors): Promise<void> {
    const { stream, parameters } = this.net
    await parameters.import(stream, weights)
    for (const [i, slot] of this.optimizer.state.entries()) {
      const state = optimizer.get(slot)
      if (!state) throw new Error(`[train] expected the optimizer's state '${slot}', got none`)
      await importTensors(stream, this.#places(i), state)
    }
  }

  #places(slot: number): [Parameter, Tensor][] {
    return this.#memories
      .flatMap(({ state }) => [...(state[slot] ?? [])])
      .map(([parameter, value]) => [parameter, value.place])
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
    for (const tape of this.#tapes.splice(0)) tape.close()
    for (const memory of this.#memories) memory.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Parameters that are trained alike. */
interface Group {
  readonly rate: number
  readonly decay: number
  readonly course: Course
}

function grouped(
  parameters: readonly Parameter[],
  courses: Courses
): { readonly groups: readonly Group[]; readonly of: ReadonlyMap<Parameter, number> } {
  const groups: Group[] = []
  const of = new Map<Parameter, number>()
  for (const parameter of parameters) {
    const { rate, decay } = parameter
    const course = courses(parameter)
    const known = groups.findIndex(
      (group) => group.rate === rate && group.decay === decay && group.course === course
    )
    of.set(parameter, known < 0 ? groups.push({ rate, decay, course }) - 1 : known)
  }
  return { groups, of }
}
