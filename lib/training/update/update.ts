import { Tensor } from '../../engine/memory.ts'
import type { Parameter } from '../../net/graph/parameter.ts'
import { exportTensors, importTensors, type PublicTensor } from '../../net/graph/public-tensors.ts'
import type { BoundCall, Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import type { Optimizer, StepScalars } from '../../optim/optimizer.ts'
import { constant, type Progress, uniform } from '../../optim/schedule.ts'
import { checkArguments } from '../../util/check/check.ts'
import { f32, list, type Rule } from '../../util/check/rules.ts'
import { factorOf, productOf } from '../loop/checked-factor.ts'
import type { UpdateOptions } from '../options.ts'
import { FiniteCheck } from './finite-check.ts'
import { type Group, grouped, layerRates } from './groups.ts'
import { MovingAverage } from './moving-average.ts'
import { OptimizerMemory } from './optimizer-memory.ts'
import { SideCalls } from './side-calls.ts'
import type { TrainedTensors } from './trained-tensors.ts'

/** The slot that holds the trained weights in a snapshot whose weights are averages. */
const TRAINED = 'w'

const one = constant()

/** What decides the scalars of one step. */
export interface UpdateScalars {
  readonly lr: number
  /** Loss scale. */
  readonly scale: number
  readonly at: Progress
}

/** The calls of an update, for one build of the net. */
export interface UpdateCalls {
  readonly calls: readonly BoundCall[]
  /** f32[1], on the first device: the norm of the gradient, still scaled; undefined without `clipNorm`. */
  readonly norm: Tensor | undefined
}

/** Turns gradients into new weights on every device of a net: clipping, the optimizer, the weight average. */
export class Update {
  readonly optimizer: Optimizer
  readonly #net: Net
  readonly #clipNorm: number | undefined
  readonly #ema: number | undefined
  #average: MovingAverage | undefined
  /** Group i reads row i of the optimizer's scalars. */
  readonly #groups: readonly Group[]
  readonly #groupOf: ReadonlyMap<Parameter, number>
  /** By part of the net. */
  readonly #memories: readonly OptimizerMemory[]
  readonly #scalars: Float32Array
  /** What the optimizer's scalars must be. */
  readonly #row: Rule
  #check: FiniteCheck | undefined
  readonly #side: SideCalls[] = []

  constructor(net: Net, optimizer: Optimizer, options: UpdateOptions) {
    const { courses = uniform, rates = {}, clipNorm, ema } = options
    this.#net = net
    this.optimizer = optimizer
    this.#clipNorm = clipNorm
    this.#ema = ema
    const { trained } = net.parameters
    const { groups, of } = grouped(trained, courses, layerRates(net, rates))
    this.#groups = groups
    this.#groupOf = of
    const width = rowOf(optimizer, { lr: 0, decay: 0, step: 0 }, list(f32())).length
    this.#row = list(f32(), { least: width, most: width })
    this.#memories = net.placement.parts.map(({ device, index }) => {
      const parameters = trained.filter(({ part }) => part === index)
      return new OptimizerMemory(device, {
        parameters,
        optimizer,
        groups: groups.length,
        width,
        averaged: ema !== undefined
      })
    })
    if (ema !== undefined) {
      const averages = this.#memories.flatMap(({ averages }) => [...averages])
      this.#average = new MovingAverage(net, new Map(averages))
    }
    this.#scalars = new Float32Array((this.#memories[0]?.scalars.bytes ?? 0) / 4)
  }

  get bytes(): number {
    return this.#memories.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** By part of the net: where the scalars of a step go. */
  get scalars(): readonly (readonly Tensor[])[] {
    return this.#memories.map(({ scalars }) => [scalars])
  }

  /**
   * The scalars of a step. The next call overwrites them.
   * @throws RangeError for one that is not finite in f32
   */
  scalarsAt({ lr, scale, at }: UpdateScalars): Float32Array {
    const { weightDecay } = this.optimizer
    let end = 0
    const put = (...row: readonly number[]) => {
      this.#scalars.set(row, end)
      end += row.length
    }
    for (const { name, rate, decay, course } of this.#groups) {
      const ownRate = lr * rate * factorOf('courses, rate', course.rate ?? one, at)
      const ownDecay = weightDecay * decay * factorOf('courses, decay', course.decay ?? one, at)
      const scalars = {
        lr: productOf(`rate of ${name}`, ownRate, at),
        decay: productOf(`weight decay of ${name}`, ownDecay, at),
        step: at.step,
        factor: 1 / scale
      }
      put(...rowOf(this.optimizer, scalars, this.#row))
    }
    put(this.#clipNorm ?? 0, 1 / scale, this.#ema ?? 0)
    return this.#scalars
  }

  /** The calls for one build of the net. They end with refreshing packed copies of weights. */
  async on(net: Net): Promise<UpdateCalls> {
    const side = new SideCalls(net)
    this.#side.push(side)
    const { tapes } = side
    const norm = this.#clipNorm === undefined ? undefined : await this.#norm(net, tapes)
    const clips = norm && (await this.#clips(net, tapes, norm))
    const written = await this.#optimize(net, tapes, clips)
    const decays = this.#memories.map(({ decay }) => decay)
    await this.#average?.update(tapes, decays)
    const own = side.bind()
    const { frozen } = net.parameters
    const refresh = net.refreshCalls.filter(
      ({ call }) => !frozen.has(call.layer) && (!call.args.y || !written.has(call.args.y))
    )
    return { calls: [...own, ...refresh], norm: norm?.place }
  }

  /** Adds the optimizer's calls. Returns the packed copies of weights that they write. */
  async #optimize(
    net: Net,
    tapes: readonly Tape[],
    clips: readonly (Value | undefined)[] = []
  ): Promise<ReadonlySet<Value>> {
    const { op, fields, state } = this.optimizer
    const written = new Set<Value>()
    for (const parameter of net.parameters.trained) {
      const { master, gradient, part } = parameter
      const tape = tapes[part]
      const memory = this.#memories[part]
      if (!tape || !memory)
        throw new Error(`[train] ${parameter.name}: expected a part of the net, got none`)
      const w16 =
        net.dtype === 'f32'
          ? undefined
          : net.draft.tapes[part]?.packedCopy(parameter, net.dtype, master.layout)
      if (w16) written.add(w16)
      tape.at(parameter.layer, 'update')
      await tape.call(op, fields, {
        w: master,
        w16,
        g: gradient,
        hyper: memory.rows[this.#groupOf.get(parameter) ?? 0],
        ok: net.parameters.ok(part),
        clip: clips[part],
        ...Object.fromEntries(state.map((slot, i) => [slot, memory.state[i]?.get(parameter)]))
      })
    }
    return written
  }

  /**
   * Adds the calls for the norm of the gradient, on the first device. Replicas have the same gradient; the norm is the
   * first one's, so that all make the same update, bit for bit.
   */
  async #norm(net: Net, tapes: readonly Tape[]): Promise<Value | undefined> {
    const { placement, draft } = net
    const [home] = tapes
    const found: Value[] = []
    for (const part of placement.of(0)) {
      const tape = tapes[part.index]
      const x = draft.gradients[part.index]
      if (!home || !tape || !x || x.bytes === 0) continue
      tape.at('update', 'update')
      const norm = tape.value('norm', 'f32')
      await tape.call('norm', {}, { norm, x })
      found.push(tape === home ? norm : tape.send(norm, home, placement.link(part)))
    }
    let whole: Value | undefined
    for (const x of found) {
      if (!whole) {
        whole = x
        continue
      }
      const norm: Value | undefined = home?.value('norm', 'f32')
      await home?.call('norm', {}, { norm, x, with: whole })
      whole = norm
    }
    return whole
  }

  /** Adds the calls for the clipping factor, and returns it by part. */
  async #clips({ placement }: Net, tapes: readonly Tape[], norm: Value) {
    const [home] = tapes
    if (!home) return []
    const clip = home.value('clip', 'f32')
    await home.call('clip_factor', {}, { clip, norm, hyper: this.#memories[0]?.clip })
    return tapes.map((tape) =>
      tape === home ? clip : home.send(clip, tape, placement.link(placement.first))
    )
  }

  /** Does `work` with the weight average in the net, if there is one. */
  async averaged<T>(work: () => Promise<T>): Promise<T> {
    const average = this.#average
    average?.show()
    try {
      return await work()
    } finally {
      average?.hide()
    }
  }

  /** Leaves the weight average in the net, if there is one. No step may follow. */
  settle(): void {
    this.#average?.show()
    this.#average = undefined
  }

  /** True if all weights, averages and optimizer state are finite. No step may be in flight. */
  async finite(): Promise<boolean> {
    this.#check ??= await FiniteCheck.create(
      this.#net,
      this.#memories.flatMap(({ kept }) => kept)
    )
    return this.#check.passes()
  }

  /** Weights and optimizer state, row-major in public layouts. */
  async export(): Promise<TrainedTensors> {
    const { stream, parameters } = this.#net
    const optimizer = new Map<string, ReadonlyMap<string, PublicTensor>>()
    for (const [i, slot] of this.optimizer.state.entries()) {
      optimizer.set(slot, await exportTensors(stream, this.#tensors(i)))
    }
    if (!this.#average) return { weights: await parameters.export(stream), optimizer }
    const { averaged, trained } = await this.#average.export()
    return { weights: averaged, optimizer: optimizer.set(TRAINED, trained) }
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  async import({ weights, optimizer }: TrainedTensors): Promise<void> {
    const { stream, parameters } = this.#net
    const trained = optimizer.get(TRAINED)
    if ((trained === undefined) !== (this.#average === undefined)) {
      throw new Error(
        trained
          ? '[train] ema: expected one, as the run was begun with, got none: give the same ema'
          : '[train] ema: expected none, as the run was begun without, got one: leave it out'
      )
    }
    if (this.#average && trained) await this.#average.import(weights, trained)
    else await parameters.import(stream, weights)
    for (const [i, slot] of this.optimizer.state.entries()) {
      const state = optimizer.get(slot)
      if (!state) throw new Error(`[train] expected the optimizer's state '${slot}', got none`)
      await importTensors(stream, this.#tensors(i), state)
    }
  }

  /** With other processes: all get the weights and the optimizer state of rank 0. */
  async spread(): Promise<void> {
    const { placement } = this.#net
    const { parts, tags } = placement
    if (!placement.group) return
    const { parameters } = this.#net
    for (const { index, stream } of parts) {
      const kept = this.#memories[index]?.kept ?? []
      for (const { place } of [...parameters.of(index).map(({ master }) => master), ...kept]) {
        const flat = new Tensor(place.buffer, {
          shape: [place.bytes],
          dtype: 'u8',
          offset: place.offset
        })
        const fields = { group: placement.groupOn(index), root: 0, tag: tags + index }
        const op = await stream.prepare('broadcast', fields, { x: flat })
        stream.run(op, { x: flat })
        await stream.synchronize()
        op.close()
      }
    }
    parameters.version++
  }

  #tensors(slot: number): [Parameter, Tensor][] {
    return this.#memories
      .flatMap(({ state }) => [...(state[slot] ?? [])])
      .map(([parameter, value]) => [parameter, value.place])
  }

  /** No program may run the calls after this. */
  close(): void {
    this.#average = undefined
    this.#check?.close()
    for (const side of this.#side.splice(0)) side.close()
    for (const memory of this.#memories) memory.close()
  }
}

/** An optimizer's scalars of one step. An optimizer may be a user's own. */
function rowOf(optimizer: Optimizer, scalars: StepScalars, rule: Rule): readonly number[] {
  const row = optimizer.hyper(scalars)
  checkArguments('train', { 'optimizer, what hyper() gives': [row, rule] })
  return row
}
