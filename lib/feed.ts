/**
 * Brings batches to a net: bytes and labels are staged by JavaScript while the device works, and a
 * recorded program copies them and makes the net's input of them (lib/net-input.ts).
 */
import { align } from './arena.ts'
import type { Buffer } from './buffer.ts'
import type { ImageSet } from './data/dataset.ts'
import type { Net } from './net.ts'
import { NetInput, type NetInputOptions } from './net-input.ts'
import { type Program, record } from './program.ts'
import type { Tensor } from './tensor.ts'

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
  /** More scalars, for the tensors that the feed was made with, in their order. */
  readonly scalars?: readonly Float32Array[]
}

/** A batch on its way into a slot. */
interface Reading {
  readonly indices: Uint32Array
  readonly slot: number
  readonly labels: Int32Array
  readonly staging: Buffer
  readonly done: Promise<void>
}

export interface FeedOptions extends Partial<NetInputOptions> {
  /** f32: where the step's scalars go. */
  readonly scalars?: readonly Tensor[]
  /** What is done when a batch has been copied. Default: `input.run()`. */
  readonly run?: (input: NetInput) => void
}

export class Feed {
  readonly net: Net
  readonly set: ImageSet
  readonly #input: NetInput
  readonly #staging: Buffer[] = []
  readonly #programs: Program[] = []
  readonly #images: Uint8Array
  /** A slot each. */
  readonly #labels: readonly Int32Array[]
  readonly #offsets: { images: number; labels: number; valid: number; rng: number }
  /** Where in a slot the scalars lie. */
  readonly #scalars: readonly number[]
  #next = 0
  #labelled: Int32Array
  #ahead: Reading | undefined

  private constructor(net: Net, set: ImageSet, input: NetInput, scalars: readonly Tensor[]) {
    this.net = net
    this.set = set
    this.#input = input
    const size = net.batch * set.height * set.width * set.channels
    this.#images = new Uint8Array(set.load ? 0 : size)
    const slots = set.load ? SLOTS.load : SLOTS.read
    this.#labels = Array.from({ length: slots }, () => new Int32Array(net.batch))
    this.#labelled = new Int32Array()
    let end = 0
    const place = (bytes: number) => {
      end += align(bytes)
      return end - align(bytes)
    }
    this.#offsets = {
      images: place(size),
      labels: place(net.batch * 4),
      valid: place(4),
      rng: place(16)
    }
    this.#scalars = scalars.map(({ bytes }) => place(bytes))
    for (let slot = 0; slot < slots; slot++) this.#staging.push(net.device.staging(end))
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
    const input = await NetInput.create({ stream: net.stream, ...net.ports }, set, {
      training: net.training,
      ...options
    })
    const scalars = [...(options.scalars ?? []), ...input.scalars]
    const feed = new Feed(net, set, input, scalars)
    try {
      feed.#record(scalars, options.run ?? (() => input.run()))
      return feed
    } catch (error) {
      feed.close()
      throw error
    }
  }

  #record(scalars: readonly Tensor[], run: (input: NetInput) => void): void {
    const { inbox } = this.#input
    const { stream, ports } = this.net
    for (const staging of this.#staging) {
      const part = (to: Tensor, offset: number): [Tensor, Tensor] => [
        to,
        staging.tensor({ shape: [to.bytes], dtype: 'u8', offset })
      ]
      const at = this.#offsets
      const copies = [
        part(inbox, at.images),
        part(ports.labels.place, at.labels),
        part(ports.valid.place, at.valid),
        part(ports.rng.place, at.rng),
        ...scalars.map((tensor, i) => part(tensor, this.#scalars[i] ?? 0))
      ]
      this.#programs.push(
        record([stream], () => {
          for (const [to, from] of copies) stream.copy(to, from)
          run(this.#input)
        })
      )
    }
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
    this.#next = (slot + 1) % this.#staging.length
    const staging = this.#staging[slot]
    const labels = this.#labels[slot]
    if (!staging || !labels) throw new Error('[feed] is closed')
    return { indices, slot, labels, staging, done: this.#bring(indices, staging, labels) }
  }

  async #bring(indices: Uint32Array, staging: Buffer, labels: Int32Array): Promise<void> {
    const { images } = this.#offsets
    if (this.set.load) return this.set.load(indices, staging, images, labels)
    await this.set.read(indices, this.#images, labels)
    staging.set(this.#images, images)
  }

  /**
   * Reads a batch from the set into the next slot, unless `prefetch` has. The delivery that was staged in it
   * before must be done with: of two deliveries, the first.
   * @returns a function that queues bringing it to the net; its promise resolves when that is done
   * @throws Error for a label that is no class
   */
  async stage(delivery: Delivery): Promise<() => Promise<void>> {
    const { indices, step, seed, epoch = 0, first = 0 } = delivery
    const ahead = this.#ahead
    this.#ahead = undefined
    const ready = ahead && indices.every((index, i) => index === ahead.indices[i])
    const { slot, labels, staging, done } = ready ? ahead : this.#read(indices)
    await done
    const program = this.#programs[slot]
    if (!program) throw new Error('[feed] is closed')
    this.#labelled = labels
    const at = this.#offsets
    const rows = indices.length
    for (let i = 0; i < rows; i++) {
      const label = labels[i] ?? -1
      if (label < 0 || label >= this.net.classes) {
        throw new Error(
          `[data] image ${indices[i]}: expected a label from 0 to ${this.net.classes - 1}, got ${label}`
        )
      }
    }
    const bytes = (array: Int32Array | Uint32Array | Float32Array) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    staging.set(bytes(labels), at.labels)
    staging.set(bytes(Int32Array.of(rows)), at.valid)
    staging.set(bytes(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), step, first)), at.rng)
    const all = [...(delivery.scalars ?? []), ...this.#input.scalarsAt(epoch)]
    for (const [i, scalars] of all.entries()) {
      staging.set(bytes(scalars), this.#scalars[i] ?? 0)
    }
    return () => program.run()
  }

  /** Those of the batch that was staged last; the next one writes over them. */
  get labels(): Int32Array {
    return this.#labelled
  }

  close(): void {
    for (const program of this.#programs.splice(0)) program.close()
    this.#input.close()
    for (const buffer of this.#staging.splice(0)) buffer.close()
  }
}
