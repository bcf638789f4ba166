import type { ImageSet } from '../../data/dataset.ts'
import type { Tensor } from '../../engine/memory.ts'
import { copyOp } from '../../engine/op.ts'
import { type Program, record } from '../../engine/program.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import type { Rows } from '../../net/placement/placement.ts'
import type { Delivery } from './delivery.ts'
import { DeviceFeed } from './device-feed.ts'
import type { NetInput, NetInputOptions } from './net-input.ts'

/** Staging slots: double buffering, and one slot more if the set reads in threads. */
const SLOTS = { read: 2, load: 3 }

/** A batch that is being read into a slot. */
interface PendingRead {
  readonly indices: Uint32Array
  readonly slot: number
  readonly labels: Int32Array
  readonly done: Promise<void>
}

export interface FeedOptions extends Partial<NetInputOptions> {
  /** f32, by part of the net: tensors that get a step's scalars. */
  readonly scalars?: readonly (readonly Tensor[])[]
  /** Called to record what follows the copy of a batch. Default: `input.run()` of each. */
  readonly run?: (inputs: readonly NetInput[]) => void
}

/**
 * Brings batches of a set to a net: JavaScript stages images and labels while the device computes, and a recorded
 * program copies them and makes the net's input. Each device that shares the net has a `DeviceFeed`.
 */
export class Feed {
  readonly net: Net
  readonly set: ImageSet
  readonly #devices: DeviceFeed[] = []
  /** By slot. */
  readonly #programs: Program[] = []
  /** The images of a batch that this process reads. */
  readonly #own: Rows
  /** Where `set.read` puts them. */
  readonly #images: Uint8Array
  /** By slot. */
  readonly #labels: readonly Int32Array[]
  #next = 0
  /** Of the batch that was staged last. */
  #staged: Int32Array
  #inputs: readonly NetInput[] = []
  /** The slot that was delivered last. */
  #delivered = 0
  #ahead: PendingRead | undefined

  private constructor(net: Net, set: ImageSet) {
    this.net = net
    this.set = set
    this.#own = net.placement.ownRows(net.batch)
    const size = this.#own.count * set.height * set.width * set.channels
    this.#images = new Uint8Array(set.load ? 0 : size)
    const slots = set.load ? SLOTS.load : SLOTS.read
    this.#labels = Array.from({ length: slots }, () => new Int32Array(net.batch))
    this.#staged = new Int32Array()
  }

  /** @throws Error where the set's images do not suit the net or the recipe */
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
      const device = await DeviceFeed.create(net, part, set, {
        training: net.training,
        ...options,
        scalars: scalars[part.index] ?? [],
        slots
      })
      this.#devices.push(device)
      if (device.input) inputs.push(device.input)
    }
    for (let slot = 0; slot < slots; slot++) {
      for (const device of this.#devices) device.choose(slot)
      const exchange = this.#exchange()
      this.#programs.push(
        record(placement.streams, () => {
          for (const device of this.#devices) device.copy(slot)
          net.run(exchange)
          if (run) run(inputs)
          else for (const input of inputs) input.run()
        })
      )
    }
  }

  /** Calls that copy the images from the first device of each replica to its others. */
  #exchange(): BoundCall[] {
    const { placement } = this.net
    const calls: BoundCall[] = []
    for (const { index, replica, slice } of placement.parts) {
      const [first] = placement.of(replica)
      const y = this.#devices[index]?.input?.bytes
      const x = first && this.#devices[first.index]?.input?.bytes
      if (slice === 0 || !y || !x) continue
      const stream = placement.link(first)
      const call = { op: copyOp, stream, args: {}, layer: 'input', pass: 'input' } as const
      calls.push({ call, tensors: { y, x } })
    }
    return calls
  }

  /** Starts to read the batch after the one that is staged next, if the set reads in threads. */
  prefetch(indices: Uint32Array): void {
    if (!this.set.load || this.#ahead) return
    this.#ahead = this.#read(indices)
    // `stage` awaits it, and gets the error, if it needs this batch.
    this.#ahead.done.catch(() => {})
  }

  #read(indices: Uint32Array): PendingRead {
    const slot = this.#next
    this.#next = (slot + 1) % this.#labels.length
    const labels = this.#labels[slot]
    if (!labels || this.#devices.length === 0) throw new Error('[feed] is closed')
    return { indices, slot, labels, done: this.#fill(slot, indices, labels) }
  }

  async #fill(slot: number, indices: Uint32Array, labels: Int32Array): Promise<void> {
    const { set } = this
    // A set that gives no label is refused, rather than that of an earlier batch be taken.
    labels.fill(-1)
    const own = this.#ownOf(indices)
    if (!set.load && own.length > 0) await set.read(own, this.#images, this.#ownOf(labels))
    const read = set.load ? undefined : this.#images
    for (const device of this.#devices) await device.fill(slot, set, indices, labels, read)
  }

  /** Of what belongs to a batch's images, image by image, that of this process. */
  #ownOf<List extends Uint32Array | Int32Array>(list: List): List {
    const { from, count } = this.#own
    return list.subarray(from, from + count) as List
  }

  /**
   * Reads a batch into the next slot, unless `prefetch` has. Of two deliveries in flight, the first must be done.
   * @returns a function that queues the delivery to the net; its promise resolves when the delivery is done
   * @throws Error for a label that is not a class
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
    this.#staged = labels
    const rows = indices.length
    const { from, count } = this.#own
    for (let i = from; i < Math.min(rows, from + count); i++) {
      const label = labels[i] ?? -1
      if (label < 0 || label >= this.net.classes) {
        throw new Error(
          `[data] image ${indices[i]}: expected a label from 0 to ${this.net.classes - 1}, got ${label}`
        )
      }
    }
    const batch = { labels, rows, step, seed, epoch, first, scale, smoothing, scalars }
    for (const device of this.#devices) device.stage(slot, batch)
    return async () => {
      const transfers = this.#devices.map((device) => device.transfer(slot))
      const ran = program.run()
      this.#delivered = slot
      for (const device of this.#devices) device.consumed(slot)
      await Promise.all([...transfers, ran])
    }
  }

  /**
   * Queues making the net's input again from the batch that was delivered last. Its slot must still hold that batch,
   * which is so right after a step.
   */
  again(): void {
    for (const device of this.#devices) device.choose(this.#delivered)
    for (const input of this.#inputs) input.run()
  }

  /**
   * Labels of the batch that was staged last, of those images that this process reads. The next batch overwrites them.
   */
  get labels(): Int32Array {
    return this.#staged
  }

  close(): void {
    for (const program of this.#programs.splice(0)) program.close()
    for (const device of this.#devices.splice(0)) device.close()
  }
}
