/** Adds the op calls of one replica's layers to the tapes of its devices: forward, backward, update. */

import type { PlacedNode } from '../fuse.ts'
import { fillOf } from '../graph/init.ts'
import type { Parameter, ParameterSpec } from '../graph/parameter.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { LayerContext } from '../layer.ts'
import { ShardedValue } from '../placement/sharded-value.ts'
import { Activations, type LayerShare } from './activations.ts'
import { BackwardPass } from './backward.ts'
import { hasSeveralConsumers, inLayer, partOf, type TraceContext, tapeOf } from './context.ts'
import { addLoss } from './loss.ts'
import { ioValue, type StepInputs, type StepIO } from './step-io.ts'
import { type LayerSummary, trainedValues } from './summary.ts'

/** A layer on one device. */
interface LayerPart {
  readonly slice: number
  readonly parameters: LayerContext['parameters']
  /** Whether its output depends on a parameter that is trained. */
  readonly needs: boolean
}

export class Trace {
  /** By slice. */
  readonly stepInputs: readonly StepInputs[]
  readonly layers: LayerSummary[] = []
  readonly #context: TraceContext
  readonly #activations: Activations
  readonly #backward: BackwardPass
  readonly #updates: (() => Promise<void>)[] = []
  /** The value that the loss reads, and its gradient. */
  #end: { readonly output: Value; readonly gradient: Value } | undefined

  constructor(context: TraceContext) {
    this.#context = context
    this.#backward = new BackwardPass(context)
    this.#activations = new Activations(context, this.#backward)
    this.stepInputs = context.tapes.map((tape) => this.#createInputs(tape))
  }

  #createInputs(tape: Tape): StepInputs {
    const { spec, dtype, batch, parameters } = this.#context
    const { channels, height, width } = spec.input
    tape.at('input', 'forward')
    const input = tape.value('x', dtype, [batch, channels, height, width])
    input.firstUse = 0
    input.multipleConsumers = hasSeveralConsumers(this.#context, 'input')
    return { input, rng: ioValue(tape, 'rng', 'u32', [4]), ok: parameters.ok(tape.part) }
  }

  /** Adds the forward pass and the loss. */
  async forward(): Promise<StepIO> {
    const inputs = this.stepInputs.map(({ input }) => input)
    const sharding = inputs.length > 1 ? 'replicated' : 'first'
    this.#activations.set('input', new ShardedValue(sharding, inputs))
    for (const placed of this.#context.nodes) {
      const { name, node } = placed
      await inLayer(this.#context, { name, kind: node.kind }, () => this.#layer(placed))
    }
    return this.#loss()
  }

  async #layer(placed: PlacedNode): Promise<void> {
    const { node, name, inputs: from } = placed
    const { nodes } = this.#context
    const { kind } = node
    const share = await this.#activations.share(placed, placed === nodes.at(-1))
    const shapes = from.map((source) => this.#activations.get(source).shape)
    const specs = node.parameters(shapes)
    const outputs: Value[] = []
    for (const [slice, inputs] of share.inputs.entries()) {
      const tape = tapeOf(this.#context, slice)
      tape.at(name, 'forward')
      const parameters = this.#declare(name, slice, specs, share)
      const learns = Object.values(parameters).some(({ trained }) => trained)
      const needs = learns || inputs.some(({ needsGradient }) => needsGradient)
      const layer = this.#layerContext(placed, share, { slice, parameters, needs })
      const forward = await share.node.forward(layer, inputs)
      const { output } = forward
      output.needsGradient ||= needs
      output.multipleConsumers ||= hasSeveralConsumers(this.#context, name)
      outputs.push(output)
      this.#backward.addLayer({ name, kind }, tape, inputs, forward)
    }
    const value = new ShardedValue(share.sharding, outputs)
    this.#activations.set(name, value)
    this.layers.push({
      name,
      kind,
      output: value.shape.slice(1),
      parameters: trainedValues(specs),
      frozen: this.#context.parameters.frozen.has(name),
      macs: node.macs(shapes, value.shape),
      bytes: outputs.reduce((sum, { bytes }) => sum + bytes, 0)
    })
  }

  #layerContext(
    { name, keepsMask = false }: PlacedNode,
    { sharding, inputs }: LayerShare,
    { slice, parameters, needs }: LayerPart
  ): LayerContext {
    const { dtype, training, shared, winograd, tapes } = this.#context
    const keeps = training && needs
    const tape = tapeOf(this.#context, slice)
    const { rng, ok } = this.#inputsOf(slice)
    return {
      tape,
      dtype,
      training,
      keeps,
      frozen: this.#context.parameters.frozen.has(name),
      shared,
      winograd,
      name,
      // Masks are not transferred with the slices of a value.
      keepsMask: keepsMask && keeps && tapes.length === 1,
      parameters,
      rng,
      ok,
      slice: sharding === 'sharded' ? { index: slice, of: inputs.length } : { index: 0, of: 1 },
      defer: (calls) => this.#backward.defer(tape, name, calls),
      onUpdate: (calls) => {
        this.#updates.push(() => {
          tape.at(name, 'update')
          return calls()
        })
      }
    }
  }

  #inputsOf(slice: number): StepInputs {
    const inputs = this.stepInputs[slice]
    if (!inputs) throw new Error(`[placement] there is no slice ${slice}`)
    return inputs
  }

  /**
   * Declares a layer's parameters on one device: whole, or the rows of its slice.
   * @param specs of the whole layer
   */
  #declare(
    layer: string,
    slice: number,
    specs: readonly ParameterSpec[],
    { sharding, node, inputs }: LayerShare
  ): Record<string, Parameter> {
    const { index: part, replica } = partOf(this.#context, slice)
    const shapes = (inputs[slice] ?? []).map(({ dims }) => dims)
    const own: Record<string, Parameter> = {}
    for (const [i, spec] of node.parameters(shapes).entries()) {
      const { shape, init, fanIn, fanOut } = specs[i] ?? spec
      const piece = {
        part,
        from: sharding === 'sharded' ? slice * (spec.shape[0] ?? 0) : 0,
        whole: shape,
        fill: fillOf(init, fanIn, fanOut),
        copy: replica > 0
      }
      own[spec.name] = this.#context.parameters.declare(layer, spec, piece)
    }
    return own
  }

  async #loss(): Promise<StepIO> {
    const { spec, nodes } = this.#context
    const last = nodes.at(-1)
    if (!last) throw new Error(`[net] ${spec.name} has no layers`)
    const { name, node } = last
    const { shape } = this.#activations.get(name)
    if (shape.length !== 2) {
      throw new Error(
        `[net] ${spec.name}, layer '${name}' (${node.kind}): expected the last layer ` +
          `to give [N, classes], got [${shape}]; end in dense()`
      )
    }
    const [output] = await this.#activations.wholes(name, [0])
    if (!output) throw new Error('[net] has no output')
    const { dlogits, ...io } = await addLoss(this.#context, tapeOf(this.#context, 0), output)
    if (dlogits) this.#end = { output, gradient: dlogits }
    return { ...this.#inputsOf(0), ...io }
  }

  /** Adds the backward pass, a step at a time. */
  backward(): AsyncGenerator<void, void, void> {
    if (!this.#end) throw new Error('[net] was built for inference')
    return this.#backward.run(this.#end.output, this.#end.gradient)
  }

  /** Adds the calls that layers make when all gradients are computed. */
  async update(): Promise<void> {
    for (const calls of this.#updates) await calls()
  }
}
