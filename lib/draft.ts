/**
 * A draft is a build before it takes memory: the tape of op calls, forward and backward, with every
 * shape and layout settled, and the memory plan that follows from it.
 */
import { align, arrange, line } from './arena.ts'
import type { NetDefinition } from './definition.ts'
import type { Device } from './device.ts'
import type { DType } from './dtype.ts'
import type { PlacedNode } from './fuse.ts'
import type { Forward } from './layer.ts'
import type { Shape } from './native.ts'
import type { BuildOptions } from './net.ts'
import { type Parameter, Parameters } from './parameters.ts'
import type { Stream } from './stream.ts'
import { Tape } from './tape.ts'
import { elements } from './tensor.ts'
import { Value } from './value.ts'

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

/** A slab of memory that a build takes. */
export interface PlannedSlab {
  readonly name: string
  readonly bytes: number
}

/** What a build takes, by slab; said before a byte is taken. */
export interface MemoryPlan {
  readonly device: string
  readonly slabs: readonly PlannedSlab[]
  readonly bytes: number
  readonly available: number
  readonly fits: boolean
}

/** The values that a step reads and writes from outside. */
export interface Ports {
  /** [N, C, H, W] in the dtype of the build, in the layout that the first layer likes. */
  readonly input: Value
  /** i32[N] */
  readonly labels: Value
  /** i32[1]: how many of the batch's rows are real. */
  readonly valid: Value
  /** f32[1]: factor on the loss's gradient. */
  readonly scale: Value
  /** u32[4]: seed, step, first sample. */
  readonly rng: Value
  /** i32[1]: 0 from the moment a gradient was not finite. */
  readonly ok: Value
  /** f32[4]: mean loss, top-1 count, top-5 count, labels out of range. */
  readonly stats: Value
  /** [N, classes] */
  readonly logits: Value
  /** [N, classes]; inference only. */
  readonly probabilities: Value | undefined
}

export interface Draft {
  readonly definition: NetDefinition
  readonly options: Required<Pick<BuildOptions, 'batch'>> & { dtype: DType; training: boolean }
  readonly stream: Stream
  readonly parameters: Parameters
  readonly tape: Tape
  /** How many of the tape's calls are the forward pass. */
  readonly forwardCalls: number
  /** Copies the masters to the packed copies that this build's ops read. */
  readonly refresh: Tape
  /** All gradients as one row of f32. */
  readonly gradients: Value | undefined
  readonly ports: Ports
  readonly layers: readonly LayerSummary[]
  readonly classes: number
  /** What the plan says now; the draft may still be added to. */
  plan(): MemoryPlan
  /** Gives back the ops, and the stream where it is the draft's own. */
  close(): Promise<void>
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

export async function draft(
  definition: NetDefinition,
  nodes: readonly PlacedNode[],
  device: Device,
  options: BuildOptions
): Promise<Draft> {
  const { batch, dtype = 'f32', training = true } = options
  if (!Number.isInteger(batch) || batch < 1) {
    throw new Error(`[net] ${definition.name}: batch: expected a whole number from 1, got ${batch}`)
  }
  device.requireDType(dtype)
  const stream = options.stream ?? device.stream()
  const parameters = options.parameters ?? new Parameters()
  const tape = new Tape(stream)
  try {
    return await trace()
  } catch (error) {
    tape.close()
    if (!options.stream) await stream.close()
    throw error
  }

  /** What ends a backward pass: the look for gradients that are not finite, and what layers do after it. */
  async function update(updates: readonly (() => Promise<void>)[]): Promise<Value> {
    const bytes = parameters.bytes.gradients
    const shape = [bytes / 4]
    const gradients = new Value({
      ...{ name: 'gradients', layer: 'update', dtype: 'f32', layout: 'a', permanent: true },
      shape,
      bytes
    })
    tape.at('update', 'update')
    await tape.call('finite', {}, { ok: parameters.ok, x: gradients })
    for (const calls of updates) await calls()
    return gradients
  }

  async function trace(): Promise<Draft> {
    const { channels, height, width } = definition.input
    tape.at('input', 'forward')
    const input = tape.value('x', dtype, [batch, channels, height, width])
    const port = (name: string, type: DType, shape: Shape) => tape.permanent(name, type, shape, 'a')
    const labels = port('labels', 'i32', [batch])
    const valid = port('valid', 'i32', [1])
    const scale = port('scale', 'f32', [1])
    const rng = port('rng', 'u32', [4])
    const stats = port('stats', 'f32', [4])
    for (const value of [labels, valid, scale, rng, stats]) value.bytes = elements(value.dims) * 4
    input.first = 0

    const outputs = new Map<string, Value>([['input', input]])
    const backwards: { name: string; kind: string; inputs: Value[]; forward: Forward }[] = []
    const updates: (() => Promise<void>)[] = []
    const layers: LayerSummary[] = []
    const readers = (name: string) => nodes.filter(({ inputs }) => inputs.includes(name)).length
    input.shared = readers('input') > 1

    for (const { node, name, inputs: from, keepsMask = false } of nodes) {
      await inLayer(definition.name, name, node.kind, async () => {
        tape.at(name, 'forward')
        const inputs = from
          .map((source) => outputs.get(source))
          .filter((value) => value !== undefined)
        const shapes = inputs.map(({ dims }) => dims)
        const own: Record<string, Parameter> = {}
        for (const spec of node.parameters(shapes)) own[spec.name] = parameters.declare(name, spec)
        const settings = { dtype, training, name, keepsMask: keepsMask && training }
        const context = { tape, ...settings, parameters: own, rng, ok: parameters.ok }
        const onUpdate = (calls: () => Promise<void>) => {
          updates.push(() => {
            tape.at(name, 'update')
            return calls()
          })
        }
        const forward = await node.forward({ ...context, onUpdate }, inputs)
        const { output } = forward
        const learns = Object.values(own).some(({ trained }) => trained)
        output.trained ||= learns || inputs.some(({ trained }) => trained)
        output.shared ||= readers(name) > 1
        outputs.set(name, output)
        backwards.push({ name, kind: node.kind, inputs, forward })
        layers.push({
          name,
          kind: node.kind,
          output: output.dims.slice(1),
          parameters: Object.values(own)
            .filter(({ trained }) => trained)
            .reduce((sum, { shape }) => sum + elements(shape), 0),
          macs: node.macs(shapes, output.dims),
          bytes: output.bytes
        })
      })
    }

    const end = backwards.at(-1)
    if (!end) throw new Error(`[net] ${definition.name} has no layers`)
    const { dims } = end.forward.output
    if (dims.length !== 2) {
      throw new Error(
        `[net] ${definition.name}, layer '${end.name}' (${end.kind}): expected the last layer to give ` +
          `[N, classes], got [${dims}]; end in dense()`
      )
    }
    const logits = await tape.as(end.forward.output, 'ab')
    const classes = logits.dims[1] ?? 0
    tape.at('loss', 'forward')
    const dlogits = training ? tape.value('dx', dtype) : undefined
    await tape.call(
      'cross_entropy',
      { topk: Math.min(5, classes) },
      { dlogits, stats, logits, labels, valid, scale }
    )
    let probabilities: Value | undefined
    if (!training) {
      probabilities = tape.permanent('probabilities', dtype)
      await tape.call('softmax', {}, { y: probabilities, x: logits })
    }
    const forwardCalls = tape.calls.length

    if (dlogits) {
      const gradients = new Map<Value, Value>([[end.forward.output, dlogits]])
      for (const { name, kind, inputs, forward } of [...backwards].reverse()) {
        const dy = gradients.get(forward.output)
        // A layer whose output nothing reads has no gradient; dropout of rate 0 hands its input through.
        if (!dy || !forward.output.trained) continue
        await inLayer(definition.name, name, kind, async () => {
          tape.at(name, 'backward')
          const given = await forward.backward(
            dy,
            inputs.map(({ trained }) => trained)
          )
          for (const [i, input] of inputs.entries()) {
            const dx = given[i]
            if (!dx || !input.trained) continue
            const known = gradients.get(input)
            if (!known || input === forward.output) {
              gradients.set(input, dx)
              continue
            }
            const sum = tape.value('dx', dtype)
            await tape.call('add', {}, { y: sum, a: known, b: await tape.as(dx, known.layout) })
            gradients.set(input, sum)
          }
        })
      }
    }
    const gradients = training ? await update(updates) : undefined
    const refresh = await tape.refresh(parameters.all)

    return {
      definition,
      options: { batch, dtype, training },
      stream,
      parameters,
      tape,
      forwardCalls,
      refresh,
      gradients,
      ports: { input, labels, valid, scale, rng, ok: parameters.ok, stats, logits, probabilities },
      layers,
      classes,
      plan: () => plan(device, tape, refresh, parameters, options),
      close: async () => {
        tape.close()
        refresh.close()
        if (!options.stream) await stream.close()
      }
    }
  }
}

function plan(
  device: Device,
  tape: Tape,
  refresh: Tape,
  parameters: Parameters,
  { training = true, optimizer }: BuildOptions
): MemoryPlan {
  const passing = tape.values.filter((value) => !value.permanent)
  const packed = new Set(tape.packed.values())
  const ports = tape.values.filter((value) => value.permanent && !packed.has(value))
  const { masters, gradients } = parameters.bytes
  // A trainer keeps a value like the master for each weight and slot of state.
  const state = line(parameters.trained.map(({ master }) => master)).bytes
  const slabs: PlannedSlab[] = [
    { name: 'parameters', bytes: masters },
    { name: 'gradients', bytes: training ? gradients : 0 },
    { name: 'optimizer', bytes: training && optimizer ? state * optimizer.state.length : 0 },
    { name: 'activations', bytes: arrange(passing).bytes },
    { name: 'packed weights', bytes: line(packed).bytes },
    { name: 'workspace', bytes: align(Math.max(tape.scratch, refresh.scratch)) },
    { name: 'inputs', bytes: line(ports).bytes }
  ]
  const bytes = slabs.reduce((sum, slab) => sum + slab.bytes, 0)
  const { available } = device.memory()
  return { device: device.name, slabs, bytes, available, fits: bytes <= available }
}
