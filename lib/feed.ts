/**
 * Brings batches to a net: bytes and labels are staged by JavaScript while the device works, and a
 * recorded program copies, normalises and resizes them into the net's input.
 */
import { align } from './arena.ts'
import type { Buffer } from './buffer.ts'
import type { ImageSet } from './data/dataset.ts'
import type { BoundCall, Net } from './net.ts'
import { type Program, record } from './program.ts'
import { Tape } from './tape.ts'
import { elements, Tensor } from './tensor.ts'
import type { Value } from './value.ts'

/** One batch is read while the one before is worked on. */
const SLOTS = 2

/** Everything of one step that comes from the host. */
export interface Delivery {
  /** Numbers of the images in the set; fewer than the net's batch leave the last rows out of account. */
  readonly indices: Uint32Array
  /** Steps done, for the random draws. */
  readonly step: number
  readonly seed: number
  /** More scalars, for the tensors that the feed was made with, in their order. */
  readonly scalars?: readonly Float32Array[]
}

export class Feed {
  readonly net: Net
  readonly set: ImageSet
  readonly #buffers: Buffer[] = []
  readonly #staging: Buffer[] = []
  readonly #programs: Program[] = []
  readonly #images: Uint8Array
  readonly #labels: Int32Array
  readonly #offsets: { images: number; labels: number; valid: number; rng: number }
  /** Where in a slot the scalars lie. */
  readonly #scalars: readonly number[]
  #tape: Tape | undefined
  #next = 0

  private constructor(net: Net, set: ImageSet, scalars: readonly Tensor[]) {
    this.net = net
    this.set = set
    this.#images = new Uint8Array(net.batch * set.height * set.width * set.channels)
    this.#labels = new Int32Array(net.batch)
    let end = 0
    const place = (bytes: number) => {
      end += align(bytes)
      return end - align(bytes)
    }
    this.#offsets = {
      images: place(this.#images.length),
      labels: place(net.batch * 4),
      valid: place(4),
      rng: place(16)
    }
    this.#scalars = scalars.map(({ bytes }) => place(bytes))
    for (let slot = 0; slot < SLOTS; slot++) this.#staging.push(net.device.staging(end))
  }

  /**
   * @param scalars f32: where the step's scalars go
   * @throws Error where the set's images do not suit the net
   */
  static async create(net: Net, set: ImageSet, scalars: readonly Tensor[] = []): Promise<Feed> {
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
    const feed = new Feed(net, set, scalars)
    try {
      await feed.#record(scalars)
      return feed
    } catch (error) {
      feed.close()
      throw error
    }
  }

  async #record(scalars: readonly Tensor[]): Promise<void> {
    const { net, set } = this
    const { device, stream, batch, ports } = net
    const { height, width, channels, mean, std } = set
    const shape = [batch, channels, height, width]
    const tape = new Tape(stream)
    this.#tape = tape
    tape.at('input', 'input')
    const own = (value: Value, bytes: number) => {
      const buffer = device.allocate(bytes)
      this.#buffers.push(buffer)
      value.bytes = bytes
      value.tensor = new Tensor(buffer, {
        shape: value.dims,
        dtype: value.dtype,
        ...(value.layout !== undefined && { layout: value.layout }),
        bytes
      })
      return value.tensor
    }
    const bytes = tape.value('bytes', 'u8', shape, 'acdb')
    const means = tape.value('mean', 'f32', [channels], 'a')
    const scales = tape.value('scale', 'f32', [channels], 'a')
    const inbox = own(bytes, elements(shape))
    stream.write(
      own(means, channels * 4),
      Float32Array.from(mean, (m) => m * 255)
    )
    stream.write(
      own(scales, channels * 4),
      Float32Array.from(std, (s) => 1 / (s * 255))
    )
    const [, , inputHeight, inputWidth] = ports.input.dims
    const input = ports.input
    if (inputHeight === height && inputWidth === width) {
      await tape.call('normalize', {}, { y: input, x: bytes, mean: means, scale: scales })
    } else {
      const small = tape.value('small', 'f32', shape, 'abcd')
      own(small, elements(shape) * 4)
      await tape.call('normalize', {}, { y: small, x: bytes, mean: means, scale: scales })
      await tape.call('resize', {}, { y: input, x: small })
    }
    const scratch = device.allocate(tape.scratch)
    this.#buffers.push(scratch)
    const calls: BoundCall[] = net.bind(tape.calls)
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
          net.run(calls, scratch.tensor({ shape: [tape.scratch], dtype: 'u8' }))
        })
      )
    }
  }

  /**
   * Reads a batch from the set into the next of two slots. The delivery that was staged in it before must
   * be done with.
   * @returns a function that queues bringing it to the net; its promise resolves when that is done
   * @throws Error for a label that is no class
   */
  async stage(delivery: Delivery): Promise<() => Promise<void>> {
    const { indices, step, seed } = delivery
    const slot = this.#next
    this.#next = (slot + 1) % SLOTS
    const staging = this.#staging[slot]
    const program = this.#programs[slot]
    if (!staging || !program) throw new Error('[feed] is closed')
    await this.set.read(indices, this.#images, this.#labels)
    const rows = indices.length
    for (let i = 0; i < rows; i++) {
      const label = this.#labels[i] ?? -1
      if (label < 0 || label >= this.net.classes) {
        throw new Error(
          `[data] image ${indices[i]}: expected a label from 0 to ${this.net.classes - 1}, got ${label}`
        )
      }
    }
    const bytes = (array: Int32Array | Uint32Array | Float32Array) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    const at = this.#offsets
    staging.set(this.#images, at.images)
    staging.set(bytes(this.#labels), at.labels)
    staging.set(bytes(Int32Array.of(rows)), at.valid)
    staging.set(bytes(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), step, 0)), at.rng)
    for (const [i, scalars] of (delivery.scalars ?? []).entries()) {
      staging.set(bytes(scalars), this.#scalars[i] ?? 0)
    }
    return () => program.run()
  }

  close(): void {
    for (const program of this.#programs.splice(0)) program.close()
    this.#tape?.close()
    for (const buffer of [...this.#staging.splice(0), ...this.#buffers.splice(0)]) buffer.close()
  }
}
