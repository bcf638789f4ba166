/**
 * One device's side of a feed: what is staged for it, and the net's input that is made of that. To a GPU a slot
 * travels in one copy, on a stream of its own, while the batch before is worked on.
 */

import type { ImageSet } from '../../data/dataset.ts'
import type { Event } from '../../engine/event.ts'
import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { align } from '../../net/graph/arena.ts'
import type { Net } from '../../net/net.ts'
import type { Part, Rows } from '../../net/placement/placement.ts'
import type { StepIO } from '../../net/trace.ts'
import { NetInput, type NetInputOptions } from './net-input.ts'

/** A batch, as it lies in the host's memory. */
export interface Batch {
  readonly labels: Int32Array
  /** How many of its rows are real. */
  readonly rows: number
  readonly step: number
  readonly seed: number
  readonly epoch: number
  /** Place of the first image in the whole batch. */
  readonly first: number
  /** Factor on the loss's gradient. */
  readonly scale: number
  /** Share of the loss's target that goes to all classes alike. */
  readonly smoothing: number
  readonly scalars: readonly Float32Array[]
}

/** What is copied from a slot to a tensor. */
interface Piece {
  readonly to: Tensor
  /** Where it begins in the slot. */
  readonly offset: number
  /** None: what is there is written by others. */
  readonly bytes: ((batch: Batch) => Uint8Array) | undefined
}

/** How a slot travels to a GPU: to a place there that it has for itself. */
interface Passage {
  readonly stream: Stream
  readonly place: Buffer
  /** It has come; and the net has taken it. */
  readonly arrived: Event
  readonly taken: Event
}

export class Inbox {
  /** None where this part does not see the images. */
  readonly input: NetInput | undefined
  readonly #part: Part
  /** Which of the batch's images it gets. */
  readonly #rows: Rows
  readonly #staging: Buffer[] = []
  /** A slot each, on a GPU. */
  readonly #passages: Passage[] = []
  readonly #pieces: Piece[] = []
  /** Where the images begin in a slot, where they come from the host. */
  #images: number | undefined
  #end = 0

  private constructor(net: Net, part: Part, input: NetInput | undefined) {
    this.input = input
    this.#part = part
    this.#rows = net.placement.rows(part.replica, net.batch)
  }

  /**
   * @param scalars f32: where a batch's scalars go
   * @param slots how many batches are staged at once
   */
  static async create(
    net: Net,
    part: Part,
    set: ImageSet,
    options: NetInputOptions,
    scalars: readonly Tensor[],
    slots: number
  ): Promise<Inbox> {
    const { stream, index, replica, slice } = part
    const inlet = net.stepInputs[index]
    if (!inlet) throw new Error(`[feed] the net has no part ${index}`)
    const reads = inlet.input.bytes > 0
    const input = reads ? await NetInput.create({ stream, ...inlet }, set, options) : undefined
    const inbox = new Inbox(net, part, input)
    try {
      if (input) inbox.#addImages(input, slice === 0)
      inbox.#add(inlet.rng.place, ({ seed, step, first }) => {
        const from = first + inbox.#rows.from
        return bytesOf(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), step, from))
      })
      const head = slice === 0 ? net.heads[replica] : undefined
      if (head) inbox.#addLabels(head, net.placement.replicas)
      for (const [i, to] of scalars.entries()) {
        inbox.#add(to, (batch) => bytesOf(batch.scalars[i] ?? new Float32Array(to.bytes / 4)))
      }
      for (let slot = 0; slot < slots; slot++) {
        inbox.#staging.push(part.device.staging(inbox.#end))
        inbox.#openPassage()
      }
      return inbox
    } catch (error) {
      inbox.close()
      throw error
    }
  }

  #openPassage(): void {
    const { device } = this.#part
    const stream = device.arrivals
    if (!stream) return
    const place = device.allocate(this.#end)
    this.#passages.push({ stream, place, arrived: device.event(), taken: device.event() })
  }

  #add(to: Tensor, bytes?: Piece['bytes']): void {
    this.#pieces.push({ to, offset: this.#end, bytes })
    this.#end += align(to.bytes)
  }

  /** @param own whether they come from the host; or else from the first device of the replica */
  #addImages(input: NetInput, own: boolean): void {
    if (own) {
      this.#images = this.#end
      this.#add(input.inbox)
    }
    for (const [i, to] of input.scalars.entries()) {
      this.#add(to, ({ epoch }) =>
        bytesOf(input.scalarsAt(epoch)[i] ?? new Float32Array(to.bytes / 4))
      )
    }
  }

  /** What the loss reads: a replica's gradient is its share of the whole batch's mean. */
  #addLabels({ labels, valid, scale, smoothing }: StepIO, replicas: number): void {
    const { from, count } = this.#rows
    const rowsOf = ({ rows }: Batch) => Math.min(Math.max(rows - from, 0), count)
    const share = (batch: Batch) => (replicas > 1 ? rowsOf(batch) / batch.rows : 1)
    this.#add(labels.place, (batch) => bytesOf(batch.labels.subarray(from, from + count)))
    this.#add(valid.place, (batch) => bytesOf(Int32Array.of(rowsOf(batch))))
    this.#add(scale.place, (batch) => bytesOf(Float32Array.of(batch.scale * share(batch))))
    if (smoothing) {
      this.#add(smoothing.place, (batch) => bytesOf(Float32Array.of(batch.smoothing)))
    }
  }

  /**
   * Brings images into a slot that nothing reads now, where they come from the host.
   * @param read those of the whole batch, already read; without it the set's threads bring them
   */
  async bring(
    slot: number,
    set: ImageSet,
    indices: Uint32Array,
    labels: Int32Array,
    read?: Uint8Array
  ): Promise<void> {
    const staging = this.#staging[slot]
    if (!staging) throw new Error('[feed] is closed')
    const { from, count } = this.#rows
    if (this.#images === undefined) return
    if (!read) {
      const own = indices.subarray(from, from + count)
      if (own.length === 0) return
      return set.load?.(own, staging, this.#images, labels.subarray(from, from + count))
    }
    const image = set.channels * set.height * set.width
    staging.set(read.subarray(from * image, (from + count) * image), this.#images)
  }

  /** Puts the rest of a batch into a slot. */
  stage(slot: number, batch: Batch): void {
    for (const { offset, bytes } of this.#pieces) {
      if (bytes) this.#staging[slot]?.set(bytes(batch), offset)
    }
  }

  /** Has the net's input be made of this slot's images, where they lie on its device already. */
  choose(slot: number): void {
    const passage = this.#passages[slot]
    if (!passage || !this.input || this.#images === undefined) return
    const { shape, dtype, layout } = this.input.inbox
    this.input.readFrom(passage.place.tensor({ shape, dtype, layout, offset: this.#images }))
  }

  /** Queues, or records, the way from a slot to where the net reads. */
  copy(slot: number): void {
    const source = this.#passages[slot]?.place ?? this.#staging[slot]
    if (!source) throw new Error('[feed] is closed')
    for (const { to, offset } of this.#pieces) {
      if (offset === this.#images && source !== this.#staging[slot]) continue
      this.#part.stream.copy(to, source.tensor({ shape: [to.bytes], dtype: 'u8', offset }))
    }
  }

  /** Queues a slot's way to a GPU, and lets what is queued from here wait for it. Resolves when it has come. */
  async send(slot: number): Promise<void> {
    const passage = this.#passages[slot]
    const staging = this.#staging[slot]
    if (!passage || !staging) return
    const { stream, place, arrived, taken } = passage
    const whole = { shape: [staging.bytes], dtype: 'u8' } as const
    // The first time nothing was taken before, and nothing is waited for.
    stream.wait(taken)
    stream.copy(place.tensor(whole), staging.tensor(whole))
    stream.record(arrived)
    this.#part.stream.wait(arrived)
    await stream.synchronize()
  }

  /** What was queued so far has taken what it needs of the slot. */
  taken(slot: number): void {
    const passage = this.#passages[slot]
    if (passage) this.#part.stream.record(passage.taken)
  }

  close(): void {
    for (const { place, arrived, taken } of this.#passages.splice(0)) {
      for (const part of [place, arrived, taken]) part.close()
    }
    this.input?.close()
    for (const buffer of this.#staging.splice(0)) buffer.close()
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array | Float32Array) {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
