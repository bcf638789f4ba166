import type { Buffer } from '../engine/buffer.ts'
import type { Device } from '../engine/device.ts'
import { type Program, record } from '../engine/program.ts'
import type { Stream } from '../engine/stream.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { NetDefinition } from './definition.ts'
import type { Draft } from './draft.ts'
import { arrange, line, place } from './graph/arena.ts'
import type { Parameters } from './graph/parameters.ts'
import { type Call, runCall, Tape } from './graph/tape.ts'
import type { DevicePlan, MemoryPlan } from './memory-plan.ts'
import { type Action, ordered } from './placement/order.ts'
import type { Parallel, Part, Placement } from './placement/placement.ts'
import type { Inlet, LayerSummary, Ports } from './trace.ts'

export interface BuildOptions {
  /** Images in a batch. */
  readonly batch: number
  /** Of activations, and of the weights that ops read; masters are always f32. Default 'f32'. */
  readonly dtype?: FloatDType
  /** False: forward alone, for evaluation and prediction. Default true. */
  readonly training?: boolean
  /** Decides the initial weights and every random draw of training. Default 1. */
  readonly seed?: number
  /** What it will be trained with: the plan then counts its state. */
  readonly optimizer?: Optimizer
  /** As it will be trained with it: the plan then counts the weights' average. */
  readonly ema?: number | undefined
  /** As it will be trained with it: the plan then counts the sums of gradients. */
  readonly accumulate?: number | undefined
  /** Fuse neighbouring layers into one op where that is known to help. Default true. */
  readonly fuse?: boolean
  /**
   * On a CPU in f32: convolutions by Winograd's method where that is faster, exact to about 3e-5 of the largest
   * output. Default true.
   */
  readonly winograd?: boolean
  /** Those of another build of the same net, to share. Default: new ones, filled as the layers say. */
  readonly parameters?: Parameters
  /** How several devices share the net. Default 'model': each owns a slice of the channels. */
  readonly parallel?: Parallel
  /** The stream to work on, where there is one device. Default: one of its own. */
  readonly stream?: Stream
}

/** A call with its memory: ready to be run or recorded. */
export interface BoundCall {
  readonly call: Call
  readonly tensors: Readonly<Record<string, Tensor | undefined>>
  /** Of its own, where it is no call of the build. */
  readonly scratch?: Tensor | undefined
}

/** A net that was built on a device, or on several, for one batch size: memory taken, ready to run. */
export class Net {
  readonly definition: NetDefinition
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
  readonly ports: Ports
  readonly #draft: Draft
  readonly #options: BuildOptions
  readonly #ownsPlacement: boolean
  readonly #slabs: Buffer[] = []
  readonly #scratch = new Map<Stream, Tensor>()
  readonly #builds = new Map<string, Promise<Net>>()
  readonly #packedCalls: BoundCall[]
  readonly #owned = new Set<{ close(): void | Promise<void> }>()
  #packedVersion = -1
  #forward: Program | undefined
  #closed = false

  private constructor(draft: Draft, plan: MemoryPlan, options: BuildOptions, own: boolean) {
    const { definition, placement, parameters } = draft
    const { device, stream } = placement.first
    this.#draft = draft
    this.placement = placement
    this.#options = options
    this.#ownsPlacement = own
    this.definition = definition
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
    this.ports = ports
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
    this.#slabs.push(place(device, passing, arrange(passing)))
    this.#slabs.push(place(device, permanent, line(permanent)))
    this.#takeScratch(stream)
  }

  #takeScratch(stream: Stream): void {
    const scratch = this.#draft.scratchOf(stream)
    if (scratch === 0) return
    const buffer = stream.device.allocate(scratch)
    this.#slabs.push(buffer)
    this.#scratch.set(stream, buffer.tensor({ shape: [scratch], dtype: 'u8' }))
  }

  /** @internal Use `definition.build`. */
  static async build(
    definition: NetDefinition,
    placement: Placement,
    options: BuildOptions,
    own = true
  ): Promise<Net> {
    let draft: Draft | undefined
    let net: Net | undefined
    try {
      draft = await definition.draft(placement, options)
      const plan = draft.plan()
      const lacking = plan.fits ? undefined : tight(draft, plan)
      if (lacking) throw await tooLarge(draft, lacking, options)
      try {
        net = new Net(draft, plan, options, own)
      } catch (cause) {
        // Another process may have taken what was free a moment ago.
        if (!(cause instanceof Error && cause.message.startsWith('[memory]'))) throw cause
        throw await tooLarge(draft, plan, options, cause)
      }
      if (!options.parameters) await draft.parameters.initialise(net.stream, net.seed)
      return net
    } catch (error) {
      if (!options.parameters) draft?.parameters.close()
      await (net?.close() ?? draft?.close())
      if (!net && own) await placement.close()
      throw error
    }
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
  get inlets(): readonly Inlet[] {
    return this.#draft.inlets
  }

  /** @internal By replica: where its loss is. */
  get heads(): readonly Ports[] {
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
    const built = Net.build(this.definition, this.placement, build, false)
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

/** The device whose memory the build does not fit, where what the parameters have taken already counts. */
function tight({ parameters, placement }: Draft, plan: MemoryPlan): DevicePlan | undefined {
  const { parts } = placement
  const taken = parts
    .filter(() => parameters.allocated)
    .reduce((sum, { index }) => sum + parameters.bytes(index).masters, 0)
  const room = { ...plan, available: plan.available + taken }
  if (room.bytes > room.available) return room
  return parts.length === 1
    ? undefined
    : plan.devices.find((device) => device.bytes > device.available)
}

/** What was asked for, what there is, and the batch that would fit. */
async function tooLarge(
  { definition, placement }: Draft,
  plan: DevicePlan,
  options: BuildOptions,
  cause?: Error
): Promise<Error> {
  const mb = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  const list = plan.slabs.map((slab) => `${slab.name} ${mb(slab.bytes)}`).join(', ')
  const fits = await largestBatch(definition, placement, plan, options)
  const remedy = fits > 0 ? `A batch of ${fits} would fit.` : 'Not even a batch of 1 fits.'
  return new Error(
    `[net] ${definition.name} with batch ${options.batch} needs ${mb(plan.bytes)} on ${plan.device}, and ` +
      `${mb(plan.available)} are available (${list}). ${remedy} Use that, or a smaller net.` +
      (cause ? ` ${cause.message}` : ''),
    { cause }
  )
}

/** Told by the line through the plans of this batch and of one image; a twentieth is left free. */
async function largestBatch(
  definition: NetDefinition,
  placement: Placement,
  plan: DevicePlan,
  options: BuildOptions
): Promise<number> {
  const single = await definition.draft(placement, { ...options, batch: 1 })
  try {
    const { devices, bytes } = single.plan()
    const least = devices.find(({ device }) => device === plan.device)?.bytes ?? bytes
    const each = (plan.bytes - least) / Math.max(1, options.batch - 1)
    if (least > plan.available) return 0
    const more = Math.floor(((plan.available - least) / each) * 0.95)
    return Math.min(options.batch - 1, 1 + more)
  } finally {
    if (!options.parameters) single.parameters.close()
    await single.close()
  }
}
