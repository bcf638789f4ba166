import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { dtypeBytes } from '../../native/dtype.ts'
import { type BoundCall, Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import type { StepIO } from '../../net/trace/step-io.ts'
import type { NetInput } from '../input/net-input.ts'
import type { Predictions } from './metrics.ts'

/** Averages a batch's predictions over several views: the forward passes run one after another on the device. */
export class Views {
  readonly #net: Net
  readonly #heads: readonly ViewsHead[]
  readonly #count: number
  readonly #forward: readonly BoundCall[]

  private constructor(net: Net, count: number) {
    this.#net = net
    this.#count = count
    this.#forward = net.calls.forward
    this.#heads = net.draft.stepIO.map((io, replica) => {
      const [part] = net.placement.of(replica)
      return new ViewsHead(part?.stream ?? net.stream, io, count)
    })
  }

  /** @param net a build for inference */
  static async create(net: Net, count: number): Promise<Views> {
    if (net.definition.head.output !== 'softmax') {
      throw new Error(
        `[evaluate] ${net.definition.name} ends in sigmoids, which are not averaged over views: ` +
          `expected 1 view, got ${count}`
      )
    }
    const made = new Views(net, count)
    try {
      for (const head of made.#heads) await head.prepare()
      return made
    } catch (error) {
      made.close()
      throw error
    }
  }

  /** By replica of the net. */
  get predictions(): readonly Predictions[] {
    return this.#heads
  }

  /** Queues, or records, the forward pass of each view of the batch in `inputs`, and the average. */
  run(inputs: readonly NetInput[]): void {
    for (let view = 0; view < this.#count; view++) {
      for (const input of inputs) input.run(view)
      this.#net.run(this.#forward)
      for (const head of this.#heads) head.keep(view)
    }
    for (const head of this.#heads) head.average()
  }

  close(): void {
    for (const head of this.#heads) head.close()
  }
}

/** Keeps the logits of each view on the device that computes a replica's loss, and averages their softmaxes. */
class ViewsHead implements Predictions {
  readonly #stream: Stream
  readonly #io: StepIO
  readonly #count: number
  readonly #tape: Tape
  readonly #buffers: Buffer[] = []
  readonly #stats: Value
  readonly #probabilities: Value
  /** One for each view. */
  readonly #logits: Tensor[] = []
  #scratch: Tensor | undefined

  constructor(stream: Stream, io: StepIO, count: number) {
    this.#stream = stream
    this.#io = io
    this.#count = count
    this.#tape = new Tape(stream)
    this.#tape.at('views', 'forward')
    this.#stats = this.#tape.value('stats', 'f32', [5], 'a')
    this.#probabilities = this.#tape.value('probabilities', 'f32', io.logits.dims, 'ab')
  }

  async prepare(): Promise<void> {
    const tape = this.#tape
    const { labels, valid, scale, logits } = this.#io
    const { dtype, dims } = logits
    const [batch = 0, classes = 0] = dims
    const all = tape.value('logits', dtype, [this.#count, batch, classes], 'abc')
    const mean = tape.value('mean', 'f32', [batch, classes], 'ab')
    await tape.call('log_mean_softmax', {}, { y: mean, x: all })
    const topk = Math.min(5, classes)
    const stats = this.#stats
    await tape.call('cross_entropy', { topk }, { stats, logits: mean, labels, valid, scale })
    await tape.call('softmax', {}, { y: this.#probabilities, x: mean })
    const size = batch * classes * dtypeBytes(dtype)
    this.#own(all, this.#count * size)
    this.#own(mean, batch * classes * 4)
    this.#own(this.#probabilities, batch * classes * 4)
    this.#own(stats, 20)
    for (let view = 0; view < this.#count; view++) {
      const offset = view * size
      const { buffer } = all.place
      this.#logits.push(buffer.tensor({ shape: [batch, classes], dtype, offset }))
    }
    const scratch = this.#stream.device.allocate(tape.scratch)
    this.#buffers.push(scratch)
    this.#scratch = scratch.tensor({ shape: [tape.scratch], dtype: 'u8' })
  }

  #own(value: Value, bytes: number): void {
    const buffer = this.#stream.device.allocate(bytes)
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

  /** Copies the net's logits of a view. */
  keep(view: number): void {
    const to = this.#logits[view]
    if (to) this.#stream.copy(to, this.#io.logits.place)
  }

  /** Averages the views that were kept. */
  average(): void {
    this.#tape.run(this.#scratch)
  }

  close(): void {
    this.#tape.close()
    for (const buffer of this.#buffers.splice(0)) buffer.close()
  }
}
