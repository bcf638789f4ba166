import type { Device } from '../engine/device.ts'
import type { Tensor } from '../engine/memory.ts'
import { type Program, record } from '../engine/program.ts'
import type { Stream } from '../engine/stream.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { Draft } from './draft.ts'
import type { Parameters } from './graph/parameters.ts'
import { type BoundCall, bindCall, runCall } from './graph/tape.ts'
import type { NetMemory } from './memory.ts'
import type { MemoryPlan } from './memory-plan.ts'
import { type BuildOptions, checkAt } from './options.ts'
import { type Action, insertEvents } from './placement/events.ts'
import type { Placement } from './placement/placement.ts'
import type { NetSpec } from './spec.ts'
import type { StepIO } from './trace/step-io.ts'
import type { LayerSummary } from './trace/summary.ts'

/** What buildNet makes a net of. */
interface NetParts {
  readonly draft: Draft
  readonly plan: MemoryPlan
  readonly memory: NetMemory
  readonly options: BuildOptions
  /** Builds the net again, with other options, on the same placement. */
  readonly rebuild: (options: BuildOptions) => Promise<Net>
  /** Whether the placement closes with the net. */
  readonly ownsPlacement: boolean
}

/** What a net closes before its own memory. */
interface Closable {
  close(): void | Promise<void>
}

/** A build that `at` made. */
interface OtherBuild {
  readonly batch: number
  readonly training: boolean
  readonly net: Promise<Net>
}

/**
 * A net on a device, or on several, for one batch size: its memory is allocated, and it is ready to run. Made by
 * `definition.build`. Close it, or hold it by `await using`.
 *
 * @example
 * await using net = await cifar().build(device, { batch: 64 })
 * for await (const { loss } of train(net, data.train, { epochs: 1, lr: 0.01 })) console.log(loss)
 */
export class Net {
  /** What it was built from. */
  readonly definition: NetSpec
  /** @internal The devices that share the net, and their streams. */
  readonly placement: Placement
  /** The device, or the first of several. */
  readonly device: Device
  /** The stream that computes on `device`. */
  readonly stream: Stream
  /** Images in a batch, over all devices. */
  readonly batch: number
  /** Of activations, and of the weights that ops read. Master weights are f32. */
  readonly dtype: FloatDType
  /** False if it was built for the forward pass only. */
  readonly training: boolean
  /** Seed of the initial weights and of all random draws. */
  readonly seed: number
  /** The number of logits. */
  readonly classes: number
  /** Master weights, gradients and running statistics; shared with builds from `at`. */
  readonly parameters: Parameters
  /** The layers, after fusion. */
  readonly layers: readonly LayerSummary[]
  /** The memory that it takes. */
  readonly plan: MemoryPlan
  /** @internal What a step reads and writes, of the first replica. */
  readonly io: StepIO
  readonly #draft: Draft
  readonly #memory: NetMemory
  readonly #options: BuildOptions
  readonly #rebuild: NetParts['rebuild']
  readonly #ownsPlacement: boolean
  readonly #builds: OtherBuild[] = []
  readonly #refreshCalls: readonly BoundCall[]
  readonly #children = new Set<Closable>()
  /** Version of the parameters that the packed copies were made of. */
  #packedVersion = -1
  #forward: Program | undefined
  #closed = false
  #closing: Promise<void> | undefined

  /** @internal Use `definition.build`. */
  constructor({ draft, plan, memory, options, rebuild, ownsPlacement }: NetParts) {
    const { placement } = draft
    const { batch, dtype, training, seed } = draft.options
    const [io] = draft.stepIO
    if (!io) throw new Error('[net] has no replica')
    this.definition = draft.spec
    this.placement = placement
    this.device = placement.first.device
    this.stream = placement.first.stream
    this.batch = batch
    this.dtype = dtype
    this.training = training
    this.seed = seed
    this.classes = draft.classes
    this.parameters = draft.parameters
    this.layers = draft.layers
    this.plan = plan
    this.io = io
    this.#draft = draft
    this.#memory = memory
    this.#options = options
    this.#rebuild = rebuild
    this.#ownsPlacement = ownsPlacement
    this.#refreshCalls = draft.refresh.flatMap(({ calls }) => calls.map(bindCall))
  }

  /** @internal The draft that it was built from. */
  get draft(): Draft {
    return this.#draft
  }

  /** @internal The calls of the forward pass, and of the backward pass, which a build for inference does not have. */
  get calls(): { readonly forward: BoundCall[]; readonly backward: BoundCall[] } {
    const { calls, forwardCalls } = this.#draft
    const bound = calls.map(bindCall)
    return { forward: bound.slice(0, forwardCalls), backward: bound.slice(forwardCalls) }
  }

  /**
   * @internal Queues, or records, calls on their streams, with events between streams.
   * @param scratch for calls without scratch of their own; default: the build's
   */
  run(calls: readonly BoundCall[], scratch?: Tensor): void {
    const { parts, links } = this.placement
    if (parts.length + links.length === 1) {
      for (const bound of calls) this.#run(bound, scratch)
      return
    }
    const computing = parts.map(({ stream }) => stream)
    for (const action of insertEvents(calls, computing, links)) this.#act(action, scratch)
  }

  #run({ call, tensors, scratch: own }: BoundCall, scratch?: Tensor): void {
    runCall(call, tensors, scratch ?? own ?? this.#memory.scratchOf(call.stream))
  }

  #act(action: Action, scratch?: Tensor): void {
    const { placement } = this
    if ('run' in action) this.#run(action.run, scratch)
    else if ('record' in action) {
      action.stream.record(placement.event(action.stream, action.record))
    } else action.stream.wait(placement.event(action.other, action.wait))
  }

  /** @internal Records calls as one program over all streams. */
  record(calls: readonly BoundCall[]): Program {
    return record(this.placement.streams, () => this.run(calls))
  }

  /** @internal Copies the master weights to the packed copies that ops read, if they have changed since. */
  refresh(): void {
    if (this.#packedVersion === this.parameters.version) return
    this.run(this.#refreshCalls)
    this.#packedVersion = this.parameters.version
  }

  /** @internal The calls of `refresh`, for an update that ends with them. */
  get refreshCalls(): readonly BoundCall[] {
    return this.#refreshCalls
  }

  /** @internal Tells the net that an update that ends with `refreshCalls` is queued. */
  markRefreshed(): void {
    this.parameters.version++
    this.#packedVersion = this.parameters.version
  }

  /**
   * @internal Runs the forward pass on the batch in `io.input`.
   * @returns a promise that resolves when `io` holds the results
   * @throws Error if the net is closed
   */
  forward(): Promise<void> {
    this.#requireOpen()
    this.refresh()
    this.#forward ??= this.record(this.calls.forward)
    return this.#forward.run()
  }

  /**
   * Builds the net for another batch size, or for inference, on the same devices and with the same parameters. The
   * build is kept for later calls, and closes with this net.
   *
   * @param options `batch`: images in a batch, over all devices, default this net's; `training`: false for the forward
   * pass only, default this net's
   * @throws OutOfMemoryError if the build does not fit in memory
   * @throws Error if the net is closed, or `batch` is no whole number from 1
   *
   * @example
   * const judge = await net.at({ batch: 256, training: false })
   */
  at(options: { readonly batch?: number; readonly training?: boolean }): Promise<Net> {
    this.#requireOpen()
    checkAt(options)
    const { batch = this.batch, training = this.training } = options
    if (batch === this.batch && training === this.training) return Promise.resolve(this)
    const known = this.#builds.find((other) => other.batch === batch && other.training === training)
    if (known) return known.net
    // The optimizer's state is allocated already: the memory plan must not count it again.
    const { optimizer: _, ema: __, accumulate: ___, ...shared } = this.#options
    const net = this.#rebuild({ ...shared, batch, training, parameters: this.parameters })
    const build = { batch, training, net }
    this.#builds.push(build)
    net.catch(() => this.#builds.splice(this.#builds.indexOf(build), 1))
    return net
  }

  /** @internal Closes `child` with the net, before its memory. */
  own<T extends Closable>(child: T): T {
    this.#requireOpen()
    this.#children.add(child)
    return child
  }

  /** @internal Leaves closing `child` to the caller. */
  disown(child: Closable): void {
    this.#children.delete(child)
  }

  #requireOpen(): void {
    if (this.#closed) throw new Error(`[net] ${this.definition.name} is closed: build it again`)
  }

  /** True once `close` has been called. */
  get closed(): boolean {
    return this.#closed
  }

  /** Frees all memory, builds from `at` included. Parameters that `build` was given stay open. */
  close(): Promise<void> {
    this.#closed = true
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const child of [...this.#children].reverse()) await child.close()
    for (const { net } of this.#builds) await (await net.catch(() => undefined))?.close()
    this.#forward?.close()
    if (!this.#ownsPlacement || this.#options.stream) {
      await this.placement.synchronize().catch(() => {})
    }
    await this.#draft.close()
    if (this.#ownsPlacement) await this.placement.close()
    this.#memory.close()
    if (!this.#options.parameters) this.parameters.close()
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
