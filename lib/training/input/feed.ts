/**
 * Brings batches to a net: bytes and labels are staged by JavaScript while the device works, and a
 * recorded program copies them and makes the net's input of them (lib/training/input/net-input.ts). Each device that shares the
 * net has an inbox of its own.
 */
import type { ImageSet } from '../../data/dataset.ts'
import type { Tensor } from '../../engine/memory.ts'
import { copyOp } from '../../engine/op.ts'
import { type Program, record } from '../../engine/program.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { Inbox } from './inbox.ts'
import type { NetInput, NetInputOptions } from './net-input.ts'

/** One batch is read while the one before is worked on; where threads read, one more lies ready. */
const SLOTS = { read: 2, load: 3 }

/** Everything of one step that comes from the host. */
export interface Delivery {
  /** Numbers of the images in the set; fewer than the net's batch leave the last rows out of account. */
  readonly indices: Uint32Array
  /** Steps done, for the random draws. */
  readonly step: number
  readonly seed: number
  /** Epochs done, for what changes in the course of training. Default 0. */
  readonly epoch?: number
  /** Place of the first image in the whole batch, of which this may be a part. Default 0. */
  readonly first?: number
  /** Factor on the loss's gradient. Default 1. */
  readonly scale?: number
  /** Share of the loss's target that goes to all classes alike. Default 0. */
  readonly smoothing?: number
  /** More scalars, for the tensors that the feed was made with, in their order. */
  readonly scalars?: readonly Float32Array[]
}

/** A batch on its way into a slot. */
interface Reading {
  readonly indices: Uint32Array
  readonly slot: number
  readonly labels: Int32Array
  readonly done: Promise<void>
}

export interface FeedOptions extends Partial<NetInputOptions> {
  /** f32: where the step's scalars go, on each part of the net. */
  readonly scalars?: readonly (readonly Tensor[])[]
  /** What is done when a batch has been copied. Default: `input.run()` of each. */
  readonly run?: (inputs: readonly NetInput[]) => void
}

export class Feed {
  readonly net: Net
  readonly set: ImageSet
  readonly #inboxes: Inbox[] = []
  readonly #programs: Program[] = []
  readonly #images: Uint8Array
  /** A slot each. */
  readonly #labels: readonly Int32Array[]
  #next = 0
  #labelled: Int32Array
  #inputs: readonly NetInput[] = []
  /** The slot that was brought last. */
  #brought = 0
  #ahead: Reading | undefined

  private constructor(net: Net, set: ImageSet) {
    this.net = net
    this.set = set
    const size = net.batch * set.height * set.width * set.channels
    this.#images = new Uint8Array(set.load ? 0 : size)
    const slots = set.load ? SLOTS.load : SLOTS.read
    this.#labels = Array.from({ length: slots }, () => new Int32Array(net.batch))
    this.#labelled = new Int32Array()
  }

  /** @throws Error where the set's images do not suit the net, or what is to be made of them */
  static async create(net: Net, set: ImageSet, options: FeedOptions = {}): Promise<Feed> {
    const { channels } = net.definition.input
    if (set.channels !== channels) {
      throw new Error(
        `[data] expected images of ${channels} channels for ${net.definition.name}, got ${set.channels}: ` +
          `define the net with input.channels ${set.channels}`
      )
    }
    if (set.classes.length !== net.classes) {
      throw new Error(
        `[data] expected ${net.classes} classes for ${net.definition.name}, got ${set.classes.length}: ` +
          `define the net with classes ${set.classes.length}`
      )
    }
    const feed = new Feed(net, set)
    try {
      await feed.#record(options)
      return feed
    } catch (error) {
      feed.close()
      throw error
    }
  }

  async #record({ scalars = [], run, ...options }: FeedOptions): Promise<void> {
    const { net, set } = this
    const { placement } = net
    const inputs: NetInput[] = []
    this.#inputs = inputs
    const slots = this.#labels.length
    for (const part of placement.parts) {
      const settings = { training: net.training, ...options }
      const own = scalars[part.index] ?? []
      const inbox = await Inbox.create(net, part, set, settings, own, slots)
      this.#inboxes.push(inbox)
      if (inbox.input) inputs.push(inbox.input)
    }
    for (let slot = 0; slot < slots; slot++) {
      for (const inbox of this.#inboxes) inbox.choose(slot)
      const shared = this.#shared()
      this.#programs.push(
        record(placement.streams, () => {
          for (const inbox of this.#inboxes) inbox.copy(slot)
          net.run(shared)
          if (run) run(inputs)
          else for (const input of inputs) input.run()
        })
      )
    }
  }

  /** Copies of the images to the other devices of each replica. */
  #shared(): BoundCall[] {
    const { placement } = this.net
    const calls: BoundCall[] = []
    for (const { index, replica, slice } of placement.parts) {
      const [first] = placement.of(replica)
      const y = this.#inboxes[index]?.input?.inbox
      const x = first && this.#inboxes[first.index]?.input?.inbox
      if (slice === 0 || !y || !x) continue
      const stream = placement.link(first)
      const call = { op: copyOp, stream, args: {}, layer: 'input', pass: 'input' } as const
      calls.push({ call, tensors: { y, x } })
    }
    return calls
  }

  /** Begins to read the images of the batch after the one that is staged next, where threads do that. */
  prefetch(indices: Uint32Array): void {
    if (!this.set.load || this.#ahead) return
    this.#ahead = this.#read(indices)
    // `stage` hears of a failure, if it comes to that.
    this.#ahead.done.catch(() => {})
  }

  #read(indices: Uint32Array): Reading {
    const slot = this.#next
    this.#next = (slot + 1) % this.#labels.length
    const labels = this.#labels[slot]
    if (!labels || this.#inboxes.length === 0) throw new Error('[feed] is closed')
    return { indices, slot, labels, done: this.#bring(indices, slot, labels) }
  }

  async #bring(indices: Uint32Array, slot: number, labels: Int32Array): Promise<void> {
    const { set } = this
    if (!set.load) await set.read(indices, this.#images, labels)
    const read = set.load ? undefined : this.#images
    for (const inbox of this.#inboxes) await inbox.bring(slot, set, indices, labels, read)
  }

  /**
   * Reads a batch from the set into the next slot, unless `prefetch` has. The delivery that was staged in it
   * before must be done with: of two deliveries, the first.
   * @returns a function that queues bringing it to the net; its promise resolves when that is done
   * @throws Error for a label that is no class
   */
  async stage(delivery: Delivery): Promise<() => Promise<void>> {
    const { indices, step, seed, epoch = 0, first = 0 } = delivery
    const { scale = 1, smoothing = 0, scalars = [] } = delivery
    const ahead = this.#ahead
    this.#ahead = undefined
    const ready = ahead && indices.every((index, i) => index === ahead.indices[i])
    const { slot, labels, done } = ready ? ahead : this.#read(indices)
    await done
    const program = this.#programs[slot]
    if (!program) throw new Error('[feed] is closed')
    this.#labelled = labels
    const rows = indices.length
    for (let i = 0; i < rows; i++) {
      const label = labels[i] ?? -1
      if (label < 0 || label >= this.net.classes) {
        throw new Error(
          `[data] image ${indices[i]}: expected a label from 0 to ${this.net.classes - 1}, got ${label}`
        )
      }
    }
    const batch = { labels, rows, step, seed, epoch, first, scale, smoothing, scalars }
    for (const inbox of this.#inboxes) inbox.stage(slot, batch)
    return async () => {
      const sent = this.#inboxes.map((inbox) => inbox.send(slot))
      const ran = program.run()
      this.#brought = slot
      for (const inbox of this.#inboxes) inbox.taken(slot)
      await Promise.all([...sent, ran])
    }
  }

  /**
   * Queues making the net's input once more, of the batch that was brought last. No other may have been staged since
   * whose slot is the same: right after a step there is none.
   */
  again(): void {
    for (const inbox of this.#inboxes) inbox.choose(this.#brought)
    for (const input of this.#inputs) input.run()
  }

  /** Those of the batch that was staged last; the next one writes over them. */
  get labels(): Int32Array {
    return this.#labelled
  }

  close(): void {
    for (const program of this.#programs.splice(0)) program.close()
    for (const inbox of this.#inboxes.splice(0)) inbox.close()
  }
}
