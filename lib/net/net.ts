import type { Device } from '../engine/device.ts'
import type { Buffer, Tensor } from '../engine/memory.ts'
import { type Program, record } from '../engine/program.ts'
import type { Stream } from '../engine/stream.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { Draft } from './draft.ts'
import { allocate, packByLifetime, packSequential } from './graph/arena.ts'
import type { Parameters } from './graph/parameters.ts'
import { type BoundCall, type Call, runCall, Tape } from './graph/tape.ts'
import type { MemoryPlan } from './memory-plan.ts'
import type { BuildOptions } from './options.ts'
import { type Action, ordered } from './placement/order.ts'
import type { Part, Placement } from './placement/placement.ts'
import type { NetSpec } from './spec.ts'
import type { LayerSummary, StepInputs, StepIO } from './trace.ts'

/** Builds a net once more, with other options, on the same placement. */
export type Rebuild = (options: BuildOptions) => Promise<Net>

/** A net that was built on a device, or on several, for one batch size: memory taken, ready to run. */
export class Net {
  readonly definition: NetSpec
  /** Which devices share it, and their streams. */
  readonly placement: Placement
  /** The device, or the first of several. */
  readonly device: Device
  /** Where it computes. */
  readonly stream: Stream
  readonly batch: number
  readonly dtype: FloatDType
  readonly training: boolean
  readonly seed: number
  readonly classes: number
  readonly parameters: Parameters
  readonly layers: readonly LayerSummary[]
  readonly plan: MemoryPlan
  /** Where there are replicas, the first one's. */
  readonly io: StepIO
  readonly #draft: Draft
  readonly #options: BuildOptions
  readonly #ownsPlacement: boolean
  readonly #rebuild: Rebuild
  readonly #slabs: Buffer[] = []
  readonly #scratch = new Map<Stream, Tensor>()
  readonly #builds = new Map<string, Promise<Net>>()
  readonly #packedCalls: BoundCall[]
  readonly #owned = new Set<{ close(): void | Promise<void> }>()
  #packedVersion = -1
  #forward: Program | undefined
  #closed = false

  /**
   * @internal Use `definition.build`.
   * @param rebuild builds the same net once more, on the same placement
   * @param own whether the placement closes with the net
   */
  constructor(
    draft: Draft,
    plan: MemoryPlan,
    options: BuildOptions,
    rebuild: Rebuild,
    own: boolean
  ) {
    const { spec, placement, parameters } = draft
    const { device, stream } = placement.first
    this.#draft = draft
    this.placement = placement
    this.#options = options
    this.#ownsPlacement = own
    this.#rebuild = rebuild
    this.definition = spec
    this.stream = stream
    this.device = device
    this.batch = options.batch
    this.dtype = options.dtype ?? 'f32'
    this.training = options.training ?? true
    this.seed = options.seed ?? 1
    this.classes = draft.classes
    this.parameters = parameters
    this.layers = draft.layers
    this.plan = plan
    const [ports] = draft.heads
    if (!ports) throw new Error('[net] has no ports')
    this.io = ports
    parameters.allocate(
      placement.parts.map((part) => part.stream),
      this.training
    )
    for (const part of placement.parts) this.#take(part)
    for (const link of placement.links) this.#takeScratch(link)
    this.#packedCalls = this.bind(draft.refresh.flatMap(({ calls }) => calls))
    for (const [replica, { scale, smoothing, valid, labels }] of draft.heads.entries()) {
      const [part] = placement.of(replica)
      part?.stream.write(scale.place, Float32Array.of(1))
      if (smoothing) part?.stream.write(smoothing.place, Float32Array.of(0))
      part?.stream.write(valid.place, Int32Array.of(labels.dims[0] ?? 0))
    }
  }

  /** Takes a part's memory. */
  #take({ index, device, stream }: Part): void {
    const { gradients, parameters } = this.#draft
    const values = this.#draft.valuesOf(index)
    const permanent = values.filter((value) => value.permanent)
    const passing = values.filter((value) => !value.permanent && value.bytes > 0)
    const row = gradients[index]
    if (row) row.tensor = parameters.gradients(index)
    this.#slabs.push(allocate(device, passing, packByLifetime(passing)))
    this.#slabs.push(allocate(device, permanent, packSequential(permanent)))
    this.#takeScratch(stream)
  }

  #takeScratch(stream: Stream): void {
    const scratch = this.#draft.scratchOf(stream)
    if (scratch === 0) return
    const buffer = stream.device.allocate(scratch)
    this.#slabs.push(buffer)
    this.#scratch.set(stream, buffer.tensor({ shape: [scratch], dtype: 'u8' }))
  }

  /** @internal Gives calls of a tape their tensors. */
  bind(calls: readonly Call[]): BoundCall[] {
    return calls.map((call) => ({
      call,
      tensors: Object.fromEntries(
        Object.entries(call.args).map(([slot, value]) => [slot, value?.place])
      )
    }))
  }

  /**
   * @internal Queues, or records, calls that were bound.
   * @param scratch for them, where they are no calls of this build
   */
  run(calls: readonly BoundCall[], scratch?: Tensor): void {
    const { placement } = this
    if (placement.parts.length === 1) {
      for (const bound of calls) this.#run(bound, scratch)
      return
    }
    const mains = placement.parts.map(({ stream }) => stream)
    for (const action of ordered(calls, mains, placement.links)) this.#act(action, scratch)
  }

  #run({ call, tensors, scratch: own }: BoundCall, scratch?: Tensor): void {
    runCall(call, tensors, scratch ?? own ?? this.#scratch.get(call.stream))
  }

  #act(action: Action, scratch?: Tensor): void {
    const { placement } = this
    if ('run' in action) this.#run(action.run, scratch)
    else if ('mark' in action) action.stream.record(placement.event(action.stream, action.mark))
    else action.stream.wait(placement.event(action.other, action.wait))
  }

  /** @internal Keeps such calls as a program, over all streams. */
  record(calls: readonly BoundCall[]): Program {
    return record(this.placement.streams, () => this.run(calls))
  }

  /** @internal Tapes for calls besides the build's, one a part, with one list of calls. */
  tapes(): readonly Tape[] {
    const calls: Call[] = []
    return this.placement.parts.map(({ stream, index }) => new Tape(stream, index, calls))
  }

  /** @internal The calls of the forward pass; with training also those of the backward pass. */
  get calls(): { forward: BoundCall[]; backward: BoundCall[] } {
    const { forwardCalls } = this.#draft
    const calls = this.bind(this.#draft.calls)
    return { forward: calls.slice(0, forwardCalls), backward: calls.slice(forwardCalls) }
  }

  /** @internal By part: what comes from outside. */
  get stepInputs(): readonly StepInputs[] {
    return this.#draft.stepInputs
  }

  /** @internal By replica: where its loss is. */
  get heads(): readonly StepIO[] {
    return this.#draft.heads
  }

  /** @internal */
  get draft(): Draft {
    return this.#draft
  }

  /** Brings the copies of the weights that this build's ops read up to date, where they are stale. */
  refresh(): void {
    if (this.#packedVersion === this.parameters.version) return
    this.run(this.#packedCalls)
    this.#packedVersion = this.parameters.version
  }

  /** @internal The calls of `refresh`, for an update that ends in them. */
  get refreshCalls(): readonly BoundCall[] {
    return this.#packedCalls
  }

  /** @internal An update that ended in `refreshCalls` was queued. */
  refreshed(): void {
    this.parameters.version++
    this.#packedVersion = this.parameters.version
  }

  /** Runs the forward pass on what lies in `ports.input`; resolves when it is done. */
  forward(): Promise<void> {
    this.#requireOpen()
    this.refresh()
    this.#forward ??= this.record(this.calls.forward)
    return this.#forward.run()
  }

  /**
   * Another build over the same parameters, on the same streams: of another batch size, or for inference.
   * It is kept, and closes with this one.
   */
  at(options: { readonly batch?: number; readonly training?: boolean }): Promise<Net> {
    this.#requireOpen()
    const batch = options.batch ?? this.batch
    const training = options.training ?? this.training
    if (batch === this.batch && training === this.training) return Promise.resolve(this)
    const key = `${batch} ${training}`
    const known = this.#builds.get(key)
    if (known) return known
    // The optimizer's state, too, is there already.
    const { optimizer: _, ema: __, accumulate: ___, ...shared } = this.#options
    const build = { ...shared, batch, training, parameters: this.parameters }
    const built = this.#rebuild(build)
    this.#builds.set(key, built)
    built.catch(() => this.#builds.delete(key))
    return built
  }

  /** @internal Closes `child` before the net's own memory goes. */
  own<T extends { close(): void | Promise<void> }>(child: T): T {
    this.#requireOpen()
    this.#owned.add(child)
    return child
  }

  /** @internal */
  disown(child: { close(): void | Promise<void> }): void {
    this.#owned.delete(child)
  }

  #requireOpen(): void {
    if (this.#closed) throw new Error(`[net] ${this.definition.name} is closed: build it again`)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Gives every byte back, other builds from `at` included; parameters that were handed in stay. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const child of [...this.#owned].reverse()) await child.close()
    for (const build of this.#builds.values()) await (await build.catch(() => undefined))?.close()
    this.#forward?.close()
    if (!this.#ownsPlacement || this.#options.stream) {
      await this.placement.synchronize().catch(() => {})
    }
    await this.#draft.close()
    if (this.#ownsPlacement) await this.placement.close()
    for (const slab of this.#slabs) slab.close()
    if (!this.#options.parameters) this.parameters.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
