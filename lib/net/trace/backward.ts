/** The backward pass of one replica: the layers in reverse, with sums where a value has several consumers. */
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { Forward } from '../layer.ts'
import type { Exchange } from '../placement/exchange.ts'
import { inLayer, type TraceContext } from './context.ts'

type Gradients = readonly (Value | undefined)[]

/** The backward of a layer on one device, or of a transfer. */
interface BackwardStep {
  readonly name: string
  readonly kind: string
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** Adds the calls that compute gradients of the inputs from those of the outputs. */
  run(dys: Gradients): Promise<Gradients>
  /** True if it transfers between devices; runs before deferred calls. */
  readonly transfers: boolean
}

export class BackwardPass {
  readonly #context: TraceContext
  /** In the order of the forward pass. */
  readonly #steps: BackwardStep[] = []
  /** Calls to add after the next transfers; without transfers, before the next layer. */
  readonly #deferred: (() => Promise<void>)[] = []

  constructor(context: TraceContext) {
    this.#context = context
  }

  /** Appends the backward of a layer on one device. */
  addLayer(
    { name, kind }: Pick<BackwardStep, 'name' | 'kind'>,
    tape: Tape,
    inputs: readonly Value[],
    { output, backward }: Forward
  ): void {
    const run: BackwardStep['run'] = async ([dy]) => {
      if (!dy) return []
      tape.at(name, 'backward')
      return backward(
        dy,
        inputs.map(({ needsGradient }) => needsGradient)
      )
    }
    this.#steps.push({ name, kind, inputs, outputs: [output], run, transfers: false })
  }

  /** Appends the backward of a transfer of this layer's output. */
  addExchange(name: string, { inputs, outputs, backward }: Exchange): void {
    const run: BackwardStep['run'] = (dys) =>
      backward(dys, async () => {
        await this.#addDeferred()
        this.#tag(name)
      })
    this.#steps.push({ name, kind: 'exchange', inputs, outputs, run, transfers: true })
  }

  /** Adds a layer's calls at once on one device; after the next transfers on several. */
  async defer(tape: Tape, layer: string, calls: () => Promise<void>): Promise<void> {
    if (this.#context.tapes.length === 1) return calls()
    this.#deferred.push(() => {
      tape.at(layer, 'backward')
      return calls()
    })
  }

  async #addDeferred(): Promise<void> {
    for (const calls of this.#deferred.splice(0)) await calls()
  }

  #tag(layer: string): void {
    for (const tape of this.#context.tapes) tape.at(layer, 'backward')
  }

  /**
   * Adds the calls, a step at a time.
   * @param output the value that the loss reads, and its gradient
   */
  async *run(output: Value, gradient: Value): AsyncGenerator<void, void, void> {
    const gradients = new Map<Value, Value>([[output, gradient]])
    let layer: string | undefined
    for (const step of this.#steps.toReversed()) {
      const { name, inputs, outputs, run, transfers } = step
      // All slices of a layer come before the calls they defer, so that each device's transfers start early.
      if (!transfers && name !== layer) await this.#addDeferred()
      if (!transfers) layer = name
      const dys = outputs.map((value) => (value.needsGradient ? gradients.get(value) : undefined))
      // The output of a layer that nothing reads has no gradient.
      if (dys.every((dy) => dy === undefined)) continue
      await inLayer(this.#context, step, async () => {
        if (transfers) this.#tag(name)
        const dxs = await run(dys)
        for (const [i, input] of inputs.entries()) {
          const dx = dxs[i]
          if (!dx || !input.needsGradient) continue
          const known = gradients.get(input)
          // Dropout of rate 0 returns its input as its output: then dx replaces dy.
          const sums = known !== undefined && !outputs.includes(input)
          gradients.set(input, sums ? await this.#sum(input.part, known, dx) : dx)
        }
      })
      yield
    }
    await this.#addDeferred()
  }

  async #sum(part: number, a: Value, b: Value): Promise<Value> {
    const tape = this.#context.tapes.find((candidate) => candidate.part === part)
    if (!tape) throw new Error(`there is no part ${part}`)
    const y = tape.value('dx', this.#context.dtype)
    await tape.call('add', {}, { y, a, b: await tape.inLayout(b, a.layout) })
    return y
  }
}
