/**
 * Several views of a batch, judged as one: the forward passes run one after another on the device, and
 * what is counted is the mean of their softmaxes.
 */
import type { Buffer } from './buffer.ts'
import { dtypeBytes } from './dtype.ts'
import type { BoundCall, Net } from './net.ts'
import type { NetInput } from './net-input.ts'
import { Tape } from './tape.ts'
import type { Tensor } from './tensor.ts'
import type { Value } from './value.ts'

export class Views {
  readonly #net: Net
  readonly #count: number
  readonly #tape: Tape
  readonly #buffers: Buffer[] = []
  readonly #stats: Value
  readonly #probabilities: Value
  /** Where each view's logits go. */
  readonly #logits: Tensor[] = []
  readonly #forward: readonly BoundCall[]
  #calls: readonly BoundCall[] = []
  #scratch: Tensor | undefined

  private constructor(net: Net, count: number) {
    this.#net = net
    this.#count = count
    this.#forward = net.calls.forward
    this.#tape = new Tape(net.stream)
    this.#tape.at('views', 'forward')
    this.#stats = this.#tape.value('stats', 'f32', [4], 'a')
    this.#probabilities = this.#tape.value('probabilities', 'f32', [net.batch, net.classes], 'ab')
  }

  /** @param net a build for inference */
  static async create(net: Net, count: number): Promise<Views> {
    const made = new Views(net, count)
    try {
      await made.#prepare()
      return made
    } catch (error) {
      made.close()
      throw error
    }
  }

  async #prepare(): Promise<void> {
    const tape = this.#tape
    const { batch, classes, dtype, ports, stream } = this.#net
    const all = tape.value('logits', dtype, [this.#count, batch, classes], 'abc')
    const mean = tape.value('mean', 'f32', [batch, classes], 'ab')
    const { labels, valid, scale } = ports
    await tape.call('log_mean_softmax', {}, { y: mean, x: all })
    const topk = Math.min(5, classes)
    const stats = this.#stats
    await tape.call('cross_entropy', { topk }, { stats, logits: mean, labels, valid, scale })
    await tape.call('softmax', {}, { y: this.#probabilities, x: mean })
    const size = batch * classes * dtypeBytes(dtype)
    this.#own(all, this.#count * size)
    this.#own(mean, batch * classes * 4)
    this.#own(this.#probabilities, batch * classes * 4)
    this.#own(stats, 16)
    for (let view = 0; view < this.#count; view++) {
      const offset = view * size
      const { buffer } = all.place
      this.#logits.push(buffer.tensor({ shape: [batch, classes], dtype, offset }))
    }
    this.#calls = this.#net.bind(tape.calls)
    const scratch = stream.device.allocate(tape.scratch)
    this.#buffers.push(scratch)
    this.#scratch = scratch.tensor({ shape: [tape.scratch], dtype: 'u8' })
  }

  #own(value: Value, bytes: number): void {
    const buffer = this.#net.device.allocate(bytes)
    this.#buffers.push(buffer)
    value.bytes = bytes
    const { dims: shape, dtype, layout } = value
    value.tensor = buffer.tensor({ shape, dtype, ...(layout !== undefined && { layout }) })
  }

  /** f32[4], as `readStats` takes it. */
  get stats(): Tensor {
    return this.#stats.place
  }

  /** f32 [N, classes]: the mean of the views' softmaxes. */
  get probabilities(): Tensor {
    return this.#probabilities.place
  }

  /** Queues, or records, all forward passes of the batch in `input`, and their judgement. */
  run(input: NetInput): void {
    const { stream, ports } = this.#net
    for (const [view, logits] of this.#logits.entries()) {
      input.run(view)
      this.#net.run(this.#forward)
      stream.copy(logits, ports.logits.place)
    }
    this.#net.run(this.#calls, this.#scratch)
  }

  close(): void {
    this.#tape.close()
    for (const buffer of this.#buffers.splice(0)) buffer.close()
  }
}
