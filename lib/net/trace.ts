/**
 * Walks a net's layers and puts their ops on tapes: forward, then backward. One device computes all, or each of
 * several its slice of the channels: what differs is which devices a layer is given to, and what they read.
 */

import type { DType } from '../native/dtype.ts'
import { elements, type Shape } from '../native/layout.ts'
import type { PlacedNode } from './fuse.ts'
import { Parameter, type ParameterSpec } from './graph/parameter.ts'
import type { Parameters } from './graph/parameters.ts'
import type { Tape } from './graph/tape.ts'
import type { Value } from './graph/value.ts'
import type { Forward, LayerNode } from './layer.ts'
import { cut, type Exchange, gather, type Sharers } from './placement/exchange.ts'
import type { Part, Placement } from './placement/placement.ts'
import { ShardedValue, type Sharding } from './placement/sharded-value.ts'
import type { NetSpec } from './spec.ts'

/** One line of a net's table. */
export interface LayerSummary {
  readonly name: string
  readonly kind: string
  /** Of one image: [C, H, W] or [C]. */
  readonly output: Shape
  /** Trained values. */
  readonly parameters: number
  /** Multiply-adds for one image, forward. */
  readonly macs: number
  /** Bytes of the output for the whole batch. */
  readonly bytes: number
}

/** What a part of a build reads from outside. */
export interface StepInputs {
  /** [N, C, H, W] in the dtype of the build, in the layout that the first layer likes. */
  readonly input: Value
  /** u32[4]: seed, step, first sample. */
  readonly rng: Value
  /** i32[1]: 0 from the moment a gradient was not finite. */
  readonly ok: Value
}

/** The values that a step reads and writes from outside, where the loss is. */
export interface StepIO extends StepInputs {
  /** i32[N] */
  readonly labels: Value
  /** i32[1]: how many of the batch's rows are real. */
  readonly valid: Value
  /** f32[1]: factor on the loss's gradient. */
  readonly scale: Value
  /** f32[1]: share of the target that goes to all classes alike; training only. */
  readonly smoothing: Value | undefined
  /** f32[4]: mean loss, top-1 count, top-5 count, labels out of range. */
  readonly stats: Value
  /** [N, classes] */
  readonly logits: Value
  /** [N, classes]; inference only. */
  readonly probabilities: Value | undefined
}

export interface TraceOptions {
  readonly dtype: DType
  readonly training: boolean
  readonly winograd: boolean
  /** Of this replica. */
  readonly batch: number
}

/** Calls that turn gradients of outputs into those of inputs. */
interface Backward {
  readonly name: string
  readonly kind: string
  readonly outputs: readonly Value[]
  readonly inputs: readonly Value[]
  run(dys: readonly (Value | undefined)[]): Promise<readonly (Value | undefined)[]>
  /** Whether it sends, and so comes before what was put off. */
  readonly sends: boolean
}

/** Which devices compute a layer, and from what. */
interface Share {
  readonly how: Sharding
  /** The layer that each computes. */
  readonly node: LayerNode
  /** By slice: its inputs. */
  readonly inputs: readonly (readonly Value[])[]
}

/** Adds where a layer stands to what it throws. */
async function inLayer<T>(
  net: string,
  name: string,
  kind: string,
  work: () => T | Promise<T>
): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`[net] ${net}, layer '${name}' (${kind}): ${reason}`, { cause })
  }
}

/** The walk through one replica of a net. */
export class Trace {
  readonly stepInputs: readonly StepInputs[]
  readonly layers: LayerSummary[] = []
  readonly #spec: NetSpec
  readonly #nodes: readonly PlacedNode[]
  readonly #placement: Placement
  readonly #parts: readonly Part[]
  /** By slice. */
  readonly #tapes: readonly Tape[]
  readonly #parameters: Parameters
  readonly #options: TraceOptions
  readonly #spreads = new Map<string, ShardedValue>()
  readonly #backwards: Backward[] = []
  readonly #updates: (() => Promise<void>)[] = []
  /** Calls that come after the next sends, or where none come, before the next layer. */
  readonly #later: (() => Promise<void>)[] = []
  #dlogits: Value | undefined
  #end: Value | undefined

  constructor(
    spec: NetSpec,
    nodes: readonly PlacedNode[],
    placement: Placement,
    replica: number,
    tapes: readonly Tape[],
    parameters: Parameters,
    options: TraceOptions
  ) {
    this.#spec = spec
    this.#nodes = nodes
    this.#placement = placement
    this.#parts = placement.of(replica)
    this.#tapes = tapes
    this.#parameters = parameters
    this.#options = options
    this.stepInputs = tapes.map((tape) => this.#inlet(tape))
  }

  #inlet(tape: Tape): StepInputs {
    const { channels, height, width } = this.#spec.input
    const { dtype, batch } = this.#options
    tape.at('input', 'forward')
    const input = tape.value('x', dtype, [batch, channels, height, width])
    input.first = 0
    input.shared = this.#readers('input') > 1
    return { input, rng: port(tape, 'rng', 'u32', [4]), ok: this.#parameters.ok(tape.part) }
  }

  #readers(name: string): number {
    return this.#nodes.filter(({ inputs }) => inputs.includes(name)).length
  }

  get #sharers(): Sharers {
    return {
      tapes: this.#tapes,
      link: (slice) => this.#placement.link(this.#partOf(slice))
    }
  }

  #partOf(slice: number): Part {
    const part = this.#parts[slice]
    if (!part) throw new Error(`[placement] there is no slice ${slice}`)
    return part
  }

  #tapeOf(slice: number): Tape {
    const tape = this.#tapes[slice]
    if (!tape) throw new Error(`[placement] there is no slice ${slice}`)
    return tape
  }

  /** Puts the forward pass on the tapes, with the loss. */
  async forward(): Promise<StepIO> {
    const inputs = this.stepInputs.map(({ input }) => input)
    this.#spreads.set('input', new ShardedValue(inputs.length > 1 ? 'everywhere' : 'first', inputs))
    for (const placed of this.#nodes) {
      const { name, node } = placed
      await inLayer(this.#spec.name, name, node.kind, () => this.#layer(placed))
    }
    return this.#loss()
  }

  /** Brings all of a spread value to some devices, and tells the backward pass. */
  async #whole(from: string, slices: readonly number[]): Promise<readonly Value[]> {
    const spread = this.#spread(from)
    const missing = slices.filter((slice) => !spread.wholes.has(slice))
    if (missing.length > 0) {
      for (const tape of this.#tapes) tape.at(from, 'forward')
      const exchange = await gather(this.#sharers, spread, missing)
      for (const value of exchange.outputs) value.shared = this.#readers(from) > 1
      this.#backwards.push(this.#exchanging(from, exchange))
    }
    return slices.map((slice) => spread.wholes.get(slice)).filter((value) => value !== undefined)
  }

  #exchanging(name: string, { inputs, outputs, backward }: Exchange): Backward {
    const run: Backward['run'] = (dys) =>
      backward(dys, async () => {
        await this.#flush()
        for (const tape of this.#tapes) tape.at(name, 'backward')
      })
    return { name, kind: 'exchange', inputs, outputs, run, sends: true }
  }

  #spread(name: string): ShardedValue {
    const spread = this.#spreads.get(name)
    if (!spread) throw new Error(`there is no layer '${name}' before it`)
    return spread
  }

  async #share({ node, inputs: from }: PlacedNode, last: boolean): Promise<Share> {
    const spreads = from.map((name) => this.#spread(name))
    const shapes = spreads.map(({ shape }) => shape)
    const { length: slices } = this.#tapes
    const all = this.#tapes.map((_, slice) => slice)
    const given = (
      how: Sharding,
      chosen: LayerNode,
      values: readonly (readonly Value[])[]
    ): Share => ({
      ...{ how, node: chosen },
      inputs: all.map((slice) => values.flatMap((list) => list[slice] ?? []))
    })
    if (slices > 1) {
      if (spreads.every(({ how }) => how === 'everywhere') && !node.parameters(shapes).length) {
        return given(
          'everywhere',
          node,
          spreads.map(({ values }) => values)
        )
      }
      const split = node.split(shapes, slices)
      if (split?.reads === 'slice' && spreads.every((spread) => isSliced(spread, slices))) {
        const own = []
        for (const spread of spreads) own.push(await this.#slices(spread))
        return given('slices', split.node, own)
      }
      // The last layer gives the logits, which the loss has to see whole.
      if (split?.reads === 'whole' && !last) {
        const wholes = []
        for (const name of from) wholes.push(await this.#whole(name, all))
        return given('slices', split.node, wholes)
      }
    }
    const wholes = []
    for (const name of from) wholes.push(await this.#whole(name, [0]))
    const [first = []] = given('first', node, wholes).inputs
    return { how: 'first', node, inputs: [first] }
  }

  /** Each device's own slice: as it lies, or cut out of the net's input, which each has whole. */
  async #slices(spread: ShardedValue): Promise<readonly Value[]> {
    if (spread.how === 'slices') return spread.values
    const { values } = spread
    const count = (spread.shape[1] ?? 0) / values.length
    const own = []
    for (const [slice, value] of values.entries()) {
      own.push(await cut(this.#tapeOf(slice), value, slice * count, count))
    }
    return own
  }

  async #layer(placed: PlacedNode): Promise<void> {
    const { node, name, inputs: from } = placed
    const { dtype, training, winograd } = this.#options
    // Slices that others see are sent without their bits.
    const keepsMask = placed.keepsMask === true && training && this.#tapes.length === 1
    const share = await this.#share(placed, placed === this.#nodes.at(-1))
    const shapes = from.map((source) => this.#spread(source).shape)
    const specs = node.parameters(shapes)
    const outputs: Value[] = []
    for (const [slice, inputs] of share.inputs.entries()) {
      const tape = this.#tapeOf(slice)
      tape.at(name, 'forward')
      const own = this.#declare(name, slice, specs, share, inputs)
      const { rng, ok } = this.#inletOf(slice)
      const forward = await share.node.forward(
        {
          ...{ tape, dtype, training, winograd, name, keepsMask, rng, ok, parameters: own },
          slice: share.how === 'slices' ? { index: slice, of: share.inputs.length } : whole,
          defer: (calls) => this.#putOff(tape, name, calls),
          onUpdate: (calls) => {
            this.#updates.push(() => {
              tape.at(name, 'update')
              return calls()
            })
          }
        },
        inputs
      )
      const { output } = forward
      const learns = Object.values(own).some(({ trained }) => trained)
      output.trained ||= learns || inputs.some(({ trained }) => trained)
      output.shared ||= this.#readers(name) > 1
      outputs.push(output)
      this.#backwards.push(this.#computing(name, node.kind, tape, inputs, forward))
    }
    const spread = new ShardedValue(share.how, outputs)
    this.#spreads.set(name, spread)
    this.layers.push({
      name,
      kind: node.kind,
      output: spread.shape.slice(1),
      parameters: specs
        .filter(({ trained }) => trained !== false)
        .reduce((sum, { shape }) => sum + elements(shape), 0),
      macs: node.macs(shapes, spread.shape),
      bytes: outputs.reduce((sum, { bytes }) => sum + bytes, 0)
    })
  }

  #inletOf(slice: number): StepInputs {
    const inlet = this.stepInputs[slice]
    if (!inlet) throw new Error(`[placement] there is no slice ${slice}`)
    return inlet
  }

  /** A layer's parameters on one device: all of each, or the rows that its share of the layer has. */
  #declare(
    name: string,
    slice: number,
    specs: readonly ParameterSpec[],
    { how, node }: Share,
    inputs: readonly Value[]
  ): Record<string, Parameter> {
    const own: Record<string, Parameter> = {}
    const { index: part, replica } = this.#partOf(slice)
    const pieces = node.parameters(inputs.map(({ dims }) => dims))
    for (const [i, spec] of pieces.entries()) {
      const all = specs[i] ?? spec
      const { fill, shape } = new Parameter(name, all)
      const from = how === 'slices' ? slice * (spec.shape[0] ?? 0) : 0
      const piece = { part, from, whole: shape, fill, copy: replica > 0 }
      own[spec.name] = this.#parameters.declare(name, spec, piece)
    }
    return own
  }

  async #putOff(tape: Tape, name: string, calls: () => Promise<void>): Promise<void> {
    if (this.#tapes.length === 1) return calls()
    this.#later.push(() => {
      tape.at(name, 'backward')
      return calls()
    })
  }

  async #flush(): Promise<void> {
    for (const calls of this.#later.splice(0)) await calls()
  }

  #computing(
    name: string,
    kind: string,
    tape: Tape,
    inputs: readonly Value[],
    forward: Forward
  ): Backward {
    const run: Backward['run'] = async ([dy]) => {
      if (!dy) return []
      tape.at(name, 'backward')
      return forward.backward(
        dy,
        inputs.map(({ trained }) => trained)
      )
    }
    return { name, kind, inputs, outputs: [forward.output], run, sends: false }
  }

  async #loss(): Promise<StepIO> {
    const { dtype, training, batch } = this.#options
    const end = this.#nodes.at(-1)
    if (!end) throw new Error(`[net] ${this.#spec.name} has no layers`)
    const { shape } = this.#spread(end.name)
    if (shape.length !== 2) {
      throw new Error(
        `[net] ${this.#spec.name}, layer '${end.name}' (${end.node.kind}): expected the last layer ` +
          `to give [N, classes], got [${shape}]; end in dense()`
      )
    }
    const [output] = await this.#whole(end.name, [0])
    const tape = this.#tapeOf(0)
    if (!output) throw new Error('[net] has no output')
    const logits = await tape.as(output, 'ab')
    const [, classes = 0] = shape
    tape.at('input', 'forward')
    const labels = port(tape, 'labels', 'i32', [batch])
    const valid = port(tape, 'valid', 'i32', [1])
    const scale = port(tape, 'scale', 'f32', [1])
    const smoothing = training ? port(tape, 'smoothing', 'f32', [1]) : undefined
    const stats = port(tape, 'stats', 'f32', [4])
    tape.at('loss', 'forward')
    const dlogits = training ? tape.value('dx', dtype) : undefined
    await tape.call(
      'cross_entropy',
      { topk: Math.min(5, classes) },
      { dlogits, stats, logits, labels, valid, scale, smoothing }
    )
    let probabilities: Value | undefined
    if (!training) {
      probabilities = tape.permanent('probabilities', dtype)
      await tape.call('softmax', {}, { y: probabilities, x: logits })
    }
    this.#dlogits = dlogits
    this.#end = output
    const ports = { labels, valid, scale, smoothing, stats, logits, probabilities }
    return { ...this.#inletOf(0), ...ports }
  }

  /** Puts the backward pass on the tapes, a layer at a time. */
  async *backward(): AsyncGenerator<void, void, void> {
    if (!this.#dlogits || !this.#end) throw new Error('[net] was built for inference')
    const gradients = new Map<Value, Value>([[this.#end, this.#dlogits]])
    let before: string | undefined
    for (const { name, kind, inputs, outputs, run, sends } of [...this.#backwards].reverse()) {
      // All slices of a layer come before what they put off, so that each device's sends do, too.
      if (!sends && name !== before) await this.#flush()
      if (!sends) before = name
      const dys = outputs.map((output) => (output.trained ? gradients.get(output) : undefined))
      // A layer whose output nothing reads has no gradient.
      if (dys.every((dy) => dy === undefined)) continue
      await inLayer(this.#spec.name, name, kind, async () => {
        for (const tape of sends ? this.#tapes : []) tape.at(name, 'backward')
        const given = await run(dys)
        for (const [i, input] of inputs.entries()) {
          const dx = given[i]
          if (!dx || !input.trained) continue
          const known = gradients.get(input)
          // Dropout of rate 0 hands its input through.
          if (!known || outputs.includes(input)) {
            gradients.set(input, dx)
            continue
          }
          const tape = this.#tapes.find(({ part }) => part === input.part)
          if (!tape) throw new Error(`there is no part ${input.part}`)
          const sum = tape.value('dx', this.#options.dtype)
          await tape.call('add', {}, { y: sum, a: known, b: await tape.as(dx, known.layout) })
          gradients.set(input, sum)
        }
      })
      yield
    }
    await this.#flush()
  }

  /** Puts on the tapes what layers do when all gradients are known. */
  async update(): Promise<void> {
    for (const calls of this.#updates) await calls()
  }
}

const whole = { index: 0, of: 1 } as const

function isSliced({ how, shape }: ShardedValue, slices: number): boolean {
  return how === 'slices' || (how === 'everywhere' && (shape[1] ?? 0) % slices === 0)
}

function port(tape: Tape, name: string, dtype: DType, shape: Shape): Value {
  const value = tape.permanent(name, dtype, shape, 'a')
  value.bytes = elements(shape) * 4
  return value
}
