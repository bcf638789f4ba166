import { arrange, line } from './arena.ts'
import type { Buffer } from './buffer.ts'
import type { NetDefinition } from './definition.ts'
import type { Device } from './device.ts'
import type { Draft, LayerSummary, MemoryPlan, Ports } from './draft.ts'
import type { FloatDType } from './dtype.ts'
import type { Optimizer } from './optimizer.ts'
import type { Parameters } from './parameters.ts'
import { type Program, record } from './program.ts'
import type { Stream } from './stream.ts'
import type { Call } from './tape.ts'
import type { Tensor } from './tensor.ts'
import type { Value } from './value.ts'

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
  /** Fuse neighbouring layers into one op where that is known to help. Default true. */
  readonly fuse?: boolean
  /** Those of another build of the same net, to share. Default: new ones, filled as the layers say. */
  readonly parameters?: Parameters
  /** The stream to work on. Default: one of its own. */
  readonly stream?: Stream
}

/** A call with its memory: ready to be run or recorded. */
export interface BoundCall {
  readonly call: Call
  readonly tensors: Readonly<Record<string, Tensor | undefined>>
}

/** A net that was built on a device for one batch size: memory taken, ready to run. */
export class Net {
  readonly definition: NetDefinition
  readonly device: Device
  readonly stream: Stream
  readonly batch: number
  readonly dtype: FloatDType
  readonly training: boolean
  readonly seed: number
  readonly classes: number
  readonly parameters: Parameters
  readonly layers: readonly LayerSummary[]
  readonly plan: MemoryPlan
  readonly ports: Ports
  readonly #draft: Draft
  readonly #options: BuildOptions
  readonly #slabs: Buffer[] = []
  readonly #scratch: Tensor | undefined
  readonly #builds = new Map<string, Promise<Net>>()
  readonly #packedCalls: BoundCall[]
  readonly #owned = new Set<{ close(): void | Promise<void> }>()
  #packedVersion = -1
  #forward: Program | undefined
  #closed = false

  private constructor(draft: Draft, plan: MemoryPlan, options: BuildOptions) {
    const { definition, stream, parameters } = draft
    this.#draft = draft
    this.#options = options
    this.definition = definition
    this.stream = stream
    this.device = stream.device
    this.batch = options.batch
    this.dtype = options.dtype ?? 'f32'
    this.training = options.training ?? true
    this.seed = options.seed ?? 1
    this.classes = draft.classes
    this.parameters = parameters
    this.layers = draft.layers
    this.plan = plan
    this.ports = draft.ports
    const { tape } = draft
    const permanent = tape.values.filter((value) => value.permanent)
    const passing = tape.values.filter((value) => !value.permanent && value.bytes > 0)
    parameters.allocate(stream, this.training)
    if (draft.gradients) draft.gradients.tensor = parameters.gradients
    this.#place(passing, arrange(passing))
    this.#place(permanent, line(permanent))
    const scratch = Math.max(tape.scratch, draft.refresh.scratch)
    if (scratch > 0) {
      const buffer = this.device.allocate(scratch)
      this.#slabs.push(buffer)
      this.#scratch = buffer.tensor({ shape: [scratch], dtype: 'u8' })
    }
    this.#packedCalls = this.bind(draft.refresh.calls)
    stream.write(this.ports.scale.place, Float32Array.of(1))
    stream.write(this.ports.valid.place, Int32Array.of(this.batch))
  }

  /** @internal Use `definition.build`. */
  static async build(
    definition: NetDefinition,
    device: Device,
    options: BuildOptions
  ): Promise<Net> {
    const draft = await definition.draft(device, options)
    let net: Net | undefined
    try {
      const plan = draft.plan()
      const taken = draft.parameters.allocated ? draft.parameters.bytes.masters : 0
      const room = { ...plan, available: plan.available + taken }
      if (room.bytes > room.available) throw await tooLarge(definition, device, room, options)
      try {
        net = new Net(draft, plan, options)
      } catch (cause) {
        // Another process may have taken what was free a moment ago.
        if (!(cause instanceof Error && cause.message.startsWith('[memory]'))) throw cause
        throw await tooLarge(definition, device, room, options, cause)
      }
      if (!options.parameters) await draft.parameters.initialise(draft.stream, net.seed)
      return net
    } catch (error) {
      if (!options.parameters) draft.parameters.close()
      await (net?.close() ?? draft.close())
      throw error
    }
  }

  #place(values: readonly Value[], { offsets, bytes }: ReturnType<typeof line>): void {
    const buffer = this.device.allocate(bytes)
    this.#slabs.push(buffer)
    for (const value of values) {
      value.tensor = buffer.tensor({
        shape: value.dims,
        dtype: value.dtype,
        ...(value.layout !== undefined && { layout: value.layout }),
        offset: offsets.get(value) ?? 0,
        bytes: value.bytes
      })
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

  /** @internal Queues, or records, calls that were bound. */
  run(calls: readonly BoundCall[], scratch: Tensor | undefined = this.#scratch): void {
    for (const { call, tensors } of calls) this.stream.run(call.op, tensors, scratch)
  }

  /** @internal The calls of the forward pass; with training also those of the backward pass. */
  get calls(): { forward: BoundCall[]; backward: BoundCall[] } {
    const { tape, forwardCalls } = this.#draft
    const calls = this.bind(tape.calls)
    return { forward: calls.slice(0, forwardCalls), backward: calls.slice(forwardCalls) }
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
    this.#forward ??= record([this.stream], () => this.run(this.calls.forward))
    return this.#forward.run()
  }

  /**
   * Another build over the same parameters, on the same stream: of another batch size, or for inference.
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
    const { optimizer: _, ...shared } = this.#options
    const built = Net.build(this.definition, this.device, {
      ...shared,
      batch,
      training,
      parameters: this.parameters,
      stream: this.stream
    })
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
    if (this.#options.stream) await this.stream.synchronize().catch(() => {})
    await this.#draft.close()
    for (const slab of this.#slabs) slab.close()
    if (!this.#options.parameters) this.parameters.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** What was asked for, what there is, and the batch that would fit. */
async function tooLarge(
  definition: NetDefinition,
  device: Device,
  plan: MemoryPlan,
  options: BuildOptions,
  cause?: Error
): Promise<Error> {
  const mb = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  const list = plan.slabs.map((slab) => `${slab.name} ${mb(slab.bytes)}`).join(', ')
  const fits = await largestBatch(definition, device, plan, options)
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
  device: Device,
  plan: MemoryPlan,
  options: BuildOptions
): Promise<number> {
  const single = await definition.draft(device, { ...options, batch: 1 })
  try {
    const least = single.plan().bytes
    const each = (plan.bytes - least) / Math.max(1, options.batch - 1)
    if (least > plan.available) return 0
    const more = Math.floor(((plan.available - least) / each) * 0.95)
    return Math.min(options.batch - 1, 1 + more)
  } finally {
    if (!options.parameters) single.parameters.close()
    await single.close()
  }
}
