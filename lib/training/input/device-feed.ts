import type { ImageSet } from '../../data/dataset.ts'
import type { Event } from '../../engine/event.ts'
import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { align } from '../../net/graph/arena.ts'
import type { Net } from '../../net/net.ts'
import type { Part, Rows } from '../../net/placement/placement.ts'
import type { StepIO } from '../../net/trace/step-io.ts'
import type { StepData } from './delivery.ts'
import { NetInput, type NetInputOptions } from './net-input.ts'

/** A batch in host memory. */
export interface Batch extends StepData {
  readonly labels: Int32Array
  /** Rows that hold an image. */
  readonly rows: number
}

export interface DeviceFeedOptions extends NetInputOptions {
  /** f32: tensors that get a step's scalars. */
  readonly scalars: readonly Tensor[]
  /** Batches that are staged at once. */
  readonly slots: number
}

/** One tensor that is copied from a slot. */
interface Piece {
  readonly to: Tensor
  /** In the slot, in bytes. */
  readonly offset: number
  /** Undefined if something else writes these bytes of the slot. */
  readonly bytes: ((batch: Batch) => Uint8Array) | undefined
}

/** How a slot travels to a GPU: to memory of its own there, on a stream beside the one that computes. */
interface Transfer {
  readonly stream: Stream
  readonly buffer: Buffer
  /** The slot is on the GPU. */
  readonly arrived: Event
  /** The net's input was made of it. */
  readonly consumed: Event
}

/**
 * The part of a feed on one device: staging memory, and the net's input that is made of it. A GPU gets each slot in
 * one copy, while it computes with the slot before.
 */
export class DeviceFeed {
  /** Undefined if this part of the net does not read the images. */
  readonly input: NetInput | undefined
  readonly #part: Part
  /** The rows of the batch that it gets. */
  readonly #rows: Rows
  /** The first row of the batch that this process reads. */
  readonly #read: number
  /** By slot. */
  readonly #staging: Buffer[] = []
  /** By slot; empty on a CPU. */
  readonly #transfers: Transfer[] = []
  readonly #pieces: Piece[] = []
  /** Offset of the images in a slot; undefined if they do not come from the host. */
  #images: number | undefined
  #end = 0

  private constructor(net: Net, part: Part, input: NetInput | undefined) {
    this.input = input
    this.#part = part
    this.#rows = net.placement.rows(part.replica, net.batch)
    this.#read = net.placement.ownRows(net.batch).from
  }

  /** @throws Error where the set's images do not suit the net or the recipe */
  static async create(
    net: Net,
    part: Part,
    set: ImageSet,
    { scalars, slots, ...options }: DeviceFeedOptions
  ): Promise<DeviceFeed> {
    const { stream, index, replica, slice } = part
    const target = net.draft.stepInputs[index]
    if (!target) throw new Error(`[feed] expected a part ${index} of the net, got none`)
    const reads = target.input.bytes > 0
    const input = reads ? await NetInput.create({ stream, ...target }, set, options) : undefined
    const feed = new DeviceFeed(net, part, input)
    try {
      if (input) feed.#addImages(input, slice === 0)
      feed.#add(target.rng.place, ({ seed, step, first }) => {
        const from = first + feed.#rows.from
        return bytesOf(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), step, from))
      })
      const head = slice === 0 ? net.draft.stepIO[replica] : undefined
      if (head) feed.#addLabels(head, net.placement.shares)
      for (const [i, to] of scalars.entries()) {
        feed.#add(to, (batch) => bytesOf(batch.scalars[i] ?? new Float32Array(to.bytes / 4)))
      }
      for (let slot = 0; slot < slots; slot++) {
        feed.#staging.push(part.device.staging(feed.#end))
        feed.#openTransfer()
      }
      return feed
    } catch (error) {
      feed.close()
      throw error
    }
  }

  #openTransfer(): void {
    const { device } = this.#part
    const stream = device.arrivals
    if (!stream) return
    const buffer = device.allocate(this.#end)
    this.#transfers.push({ stream, buffer, arrived: device.event(), consumed: device.event() })
  }

  #add(to: Tensor, bytes?: Piece['bytes']): void {
    this.#pieces.push({ to, offset: this.#end, bytes })
    this.#end += align(to.bytes)
  }

  /** @param fromHost false: they come from the first device of the replica */
  #addImages(input: NetInput, fromHost: boolean): void {
    if (fromHost) {
      this.#images = this.#end
      this.#add(input.bytes)
    }
    for (const [i, to] of input.scalars.entries()) {
      this.#add(to, ({ epoch }) =>
        bytesOf(input.scalarsAt(epoch)[i] ?? new Float32Array(to.bytes / 4))
      )
    }
  }

  /** What the loss reads. A share's gradient is its share of the mean over the whole batch. */
  #addLabels({ labels, valid, scale, smoothing }: StepIO, shares: number): void {
    const { from, count } = this.#rows
    const rowsOf = ({ rows }: Batch) => Math.min(Math.max(rows - from, 0), count)
    const share = (batch: Batch) => (shares > 1 ? rowsOf(batch) / batch.rows : 1)
    this.#add(labels.place, (batch) => bytesOf(batch.labels.subarray(from, from + count)))
    this.#add(valid.place, (batch) => bytesOf(Int32Array.of(rowsOf(batch))))
    this.#add(scale.place, (batch) => bytesOf(Float32Array.of(batch.scale * share(batch))))
    if (smoothing) {
      this.#add(smoothing.place, (batch) => bytesOf(Float32Array.of(batch.smoothing)))
    }
  }

  /**
   * Puts images into a slot that nothing reads, if they come from the host.
   * @param read the batch's images that this process reads; without it the set's threads load them
   */
  async fill(
    slot: number,
    set: ImageSet,
    indices: Uint32Array,
    labels: Int32Array,
    read?: Uint8Array
  ): Promise<void> {
    const staging = this.#staging[slot]
    if (!staging) throw new Error('[feed] is closed')
    const { from, count } = this.#rows
    if (this.#images === undefined || from >= indices.length) return
    if (!read) {
      const own = indices.subarray(from, from + count)
      if (own.length === 0) return
      return set.load?.(own, staging, this.#images, labels.subarray(from, from + count))
    }
    const image = set.channels * set.height * set.width
    const first = from - this.#read
    staging.set(read.subarray(first * image, (first + count) * image), this.#images)
  }

  /** Puts the rest of a batch into a slot. */
  stage(slot: number, batch: Batch): void {
    for (const { offset, bytes } of this.#pieces) {
      if (bytes) this.#staging[slot]?.set(bytes(batch), offset)
    }
  }

  /** Makes the net's input from this slot's images, if the slot has memory on the device. */
  choose(slot: number): void {
    const transfer = this.#transfers[slot]
    if (!transfer || !this.input || this.#images === undefined) return
    const { shape, dtype, layout } = this.input.bytes
    this.input.readFrom(transfer.buffer.tensor({ shape, dtype, layout, offset: this.#images }))
  }

  /** Queues, or records, the copies from a slot to the tensors that the net reads. */
  copy(slot: number): void {
    const source = this.#transfers[slot]?.buffer ?? this.#staging[slot]
    if (!source) throw new Error('[feed] is closed')
    for (const { to, offset } of this.#pieces) {
      if (offset === this.#images && source !== this.#staging[slot]) continue
      this.#part.stream.copy(to, source.tensor({ shape: [to.bytes], dtype: 'u8', offset }))
    }
  }

  /** Queues a slot's transfer to a GPU; what is queued after it waits for it. Resolves when it has arrived. */
  async transfer(slot: number): Promise<void> {
    const transfer = this.#transfers[slot]
    const staging = this.#staging[slot]
    if (!transfer || !staging) return
    const { stream, buffer, arrived, consumed } = transfer
    const whole = { shape: [staging.bytes], dtype: 'u8' } as const
    // The first time `consumed` was never recorded, and the wait does nothing.
    stream.wait(consumed)
    stream.copy(buffer.tensor(whole), staging.tensor(whole))
    stream.record(arrived)
    this.#part.stream.wait(arrived)
    await stream.synchronize()
  }

  /** Marks a slot's memory on the GPU as free once all that is queued is done. */
  consumed(slot: number): void {
    const transfer = this.#transfers[slot]
    if (transfer) this.#part.stream.record(transfer.consumed)
  }

  close(): void {
    for (const { buffer, arrived, consumed } of this.#transfers.splice(0)) {
      for (const part of [buffer, arrived, consumed]) part.close()
    }
    this.input?.close()
    for (const buffer of this.#staging.splice(0)) buffer.close()
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array | Float32Array) {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
