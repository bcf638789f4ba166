/** One training run over one net: the recorded step, the optimizer's state, and what it takes to go on later. */
import { align, line } from './arena.ts'
import type { InputRecipe } from './augment.ts'
import type { Buffer } from './buffer.ts'
import type { ImageSet } from './data/dataset.ts'
import type { PlannedSlab } from './draft.ts'
import { Feed } from './feed.ts'
import { readStats, type Stats } from './metrics.ts'
import type { BoundCall, Net } from './net.ts'
import type { Optimizer } from './optimizer.ts'
import { exportTensors, importTensors, type Parameter, type PublicTensor } from './parameters.ts'
import { type Program, record } from './program.ts'
import { type Course, type Courses, type Progress, together } from './schedule.ts'
import { Tape } from './tape.ts'
import type { Tensor } from './tensor.ts'
import { Value } from './value.ts'

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
  readonly #slab: Buffer
  readonly #state: readonly ReadonlyMap<Parameter, Value>[]
  /** Row i of hyper belongs to the i-th group: parameters of one course, with equal factors. */
  readonly #groups: readonly Group[]
  readonly #groupOf: ReadonlyMap<Parameter, number>
  readonly #hyper: Tensor
  /** What goes there with the next step. */
  readonly #scalars: Float32Array
  readonly #rows: readonly Value[]
  readonly #tapes: Tape[] = []
  readonly #input: InputRecipe | undefined
  readonly #stages = new Map<number, Promise<Stage>>()

  private constructor(
    net: Net,
    set: ImageSet,
    optimizer: Optimizer,
    { courses = together, input }: TrainerOptions
  ) {
    this.net = net
    this.set = set
    this.optimizer = optimizer
    this.#input = input
    const trained = net.parameters.trained
    const { groups, of } = grouped(trained, courses)
    this.#groups = groups
    this.#groupOf = of
    const width = optimizer.hyper({ lr: 0, decay: 0, step: 0 }).length
    this.#state = optimizer.state.map(
      (slot) =>
        new Map(
          trained.map((parameter) => [parameter, like(parameter, `${parameter.name}.${slot}`)])
        )
    )
    const values = this.#state.flatMap((slot) => [...slot.values()])
    const { offsets, bytes } = line(values)
    this.#slab = net.device.allocate(bytes + align(this.#groups.length * width * 4))
    for (const value of values) {
      value.tensor = this.#slab.tensor({
        shape: value.dims,
        dtype: 'f32',
        ...(value.layout !== undefined && { layout: value.layout }),
        offset: offsets.get(value) ?? 0,
        bytes: value.bytes
      })
    }
    const count = this.#groups.length * width
    this.#hyper = this.#slab.tensor({ shape: [count], dtype: 'f32', offset: bytes })
    this.#scalars = new Float32Array(count)
    this.#rows = this.#groups.map((_, i) => {
      const row = new Value({
        name: 'hyper',
        layer: 'update',
        dtype: 'f32',
        shape: [width],
        layout: 'a'
      })
      row.tensor = this.#slab.tensor({
        shape: [width],
        dtype: 'f32',
        offset: bytes + i * width * 4
      })
      row.bytes = width * 4
      return row
    })
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
    return [{ name: 'optimizer', bytes: this.#slab.bytes }]
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
    const scalars = [this.#hyper, net.ports.scale.place]
    const feed = await Feed.create(net, this.set, { scalars, input: this.#input })
    try {
      const update = await this.#update(net)
      const { forward, backward } = net.calls
      const calls = [...forward, ...backward, ...update]
      const program = record([net.stream], () => net.run(calls))
      return { net, feed, program, calls }
    } catch (error) {
      feed.close()
      throw error
    }
  }

  /** The optimizer's call for each parameter, then the refreshing of what is packed. */
  async #update(net: Net): Promise<BoundCall[]> {
    const tape = new Tape(net.stream)
    this.#tapes.push(tape)
    const { packed } = net.draft.tape
    const written = new Set<Value>()
    for (const parameter of net.parameters.trained) {
      const { master, gradient } = parameter
      const w16 =
        net.dtype === 'f32'
          ? undefined
          : packed.get(`${parameter.name} ${net.dtype} ${master.layout}`)
      if (w16) written.add(w16)
      tape.at(parameter.layer, 'update')
      const state = this.optimizer.state.map((slot, i) => [slot, this.#state[i]?.get(parameter)])
      await tape.call(this.optimizer.op, this.optimizer.fields, {
        w: master,
        w16,
        g: gradient,
        hyper: this.#rows[this.#groupOf.get(parameter) ?? 0],
        ok: net.ports.ok,
        ...Object.fromEntries(state)
      })
    }
    const refresh = net.refreshCalls.filter(({ call }) => !call.args.y || !written.has(call.args.y))
    return [...net.bind(tape.calls), ...refresh]
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
    const scalars = [this.#scalars, Float32Array.of(scale)]
    const deliver = await feed.stage({ indices, step, seed, epoch: at.epoch, scalars })
    const staged = performance.now()
    const delivered = deliver()
    if (reopen) this.flag(true)
    net.refresh()
    const ran = eager ? net.run(calls) : program.run()
    net.refreshed()
    const all = Promise.all([
      delivered,
      ran,
      net.stream.read(net.ports.stats.place),
      net.stream.read(net.ports.ok.place)
    ])
    const result = all.then(([, , stats, ok]) => ({
      ...readStats(stats),
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
    this.net.stream.write(this.net.ports.ok.place, Int32Array.of(open ? 1 : 0))
  }

  /** Puts a batch into the net's input again, with the factor on the loss's gradient that it had. */
  async replay(
    indices: Uint32Array,
    { step, seed, at, scale = 1 }: Omit<StepOptions, 'lr'>
  ): Promise<Net> {
    const { net, feed } = await this.stage(indices.length)
    const hyper = new Float32Array(this.#hyper.bytes / 4)
    const scalars = [hyper, Float32Array.of(scale)]
    const epoch = at?.epoch ?? 0
    const deliver = await feed.stage({ indices, step, seed, epoch, scalars })
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
    return [...(this.#state[slot] ?? [])].map(([parameter, value]) => [parameter, value.place])
  }

  async close(): Promise<void> {
    this.net.disown(this)
    await this.net.stream.synchronize().catch(() => {})
    for (const stage of this.#stages.values()) {
      const made = await stage.catch(() => undefined)
      made?.program.close()
      made?.feed.close()
    }
    this.#stages.clear()
    for (const tape of this.#tapes.splice(0)) tape.close()
    this.#slab.close()
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

/** A value as long as a parameter, in its layout. */
function like({ master, layer, dims }: Parameter, name: string): Value {
  return new Value({
    ...{ name, layer, dtype: 'f32', shape: dims, permanent: true },
    layout: master.layout,
    bytes: master.bytes
  })
}
