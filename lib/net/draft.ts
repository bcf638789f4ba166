/**
 * A draft is a build before it takes memory: the tapes of op calls, forward and backward, with every
 * shape and layout settled, and the memory plan that follows from them.
 */

import type { Stream } from '../engine/stream.ts'
import type { DType } from '../native/dtype.ts'
import type { PlacedNode } from './fuse.ts'
import { Parameters } from './graph/parameters.ts'
import { type Call, Tape } from './graph/tape.ts'
import { Value } from './graph/value.ts'
import { type MemoryPlan, planMemory } from './memory-plan.ts'
import type { BuildOptions } from './options.ts'
import { allReduceFlags } from './placement/all-reduce-flags.ts'
import type { Placement } from './placement/placement.ts'
import { Replicas } from './placement/replicas.ts'
import type { NetSpec } from './spec.ts'
import { type LayerSummary, type StepInputs, type StepIO, Trace } from './trace.ts'

export interface Draft {
  readonly spec: NetSpec
  readonly options: Required<Pick<BuildOptions, 'batch'>> & { dtype: DType; training: boolean }
  readonly placement: Placement
  readonly parameters: Parameters
  /** One a part of the placement, with one list of calls. */
  readonly tapes: readonly Tape[]
  /** In an order that is right one after the other. */
  readonly calls: readonly Call[]
  /** How many of the calls are the forward pass. */
  readonly forwardCalls: number
  /** Copy the masters to the packed copies that this build's ops read; one a part. */
  readonly refresh: readonly Tape[]
  /** All gradients of a part as one row of f32. */
  readonly gradients: readonly Value[]
  /** By part. */
  readonly stepInputs: readonly StepInputs[]
  /** By replica: of the part where its loss is. */
  readonly heads: readonly StepIO[]
  readonly layers: readonly LayerSummary[]
  readonly classes: number
  /** The values that lie on a part. */
  valuesOf(part: number): readonly Value[]
  /** Bytes of scratch that the widest op of a stream needs. */
  scratchOf(stream: Stream): number
  /** What the plan says now; the draft may still be added to. */
  plan(): MemoryPlan
  /** Gives back the ops, and the placement's streams where the draft has made them. */
  close(): Promise<void>
}

/** @param own whether the placement ends with the draft */
export async function draft(
  spec: NetSpec,
  nodes: readonly PlacedNode[],
  placement: Placement,
  options: BuildOptions,
  own: boolean
): Promise<Draft> {
  const { dtype = 'f32', training = true, winograd = true } = options
  const { parts } = placement
  const parameters = options.parameters ?? new Parameters()
  const calls: Call[] = []
  const tapes = parts.map(({ stream, index }) => new Tape(stream, index, calls))
  let replicas: Replicas | undefined
  const close = async () => {
    replicas?.close()
    for (const tape of tapes) tape.close()
    if (own) await placement.close()
  }
  try {
    const { batch } = options
    if (!Number.isInteger(batch) || batch < 1) {
      throw new Error(`[net] ${spec.name}: batch: expected a whole number from 1, got ${batch}`)
    }
    for (const { device } of parts) device.requireDType(dtype)
    return await traced(batch)
  } catch (error) {
    await close()
    throw error
  }

  async function traced(batch: number): Promise<Draft> {
    const traces: Trace[] = []
    const heads: StepIO[] = []
    for (let replica = 0; replica < placement.replicas; replica++) {
      const { count } = placement.rows(replica, batch)
      const settings = { dtype, training, winograd, batch: count }
      const its = tapes.filter(({ part }) => parts[part]?.replica === replica)
      const trace = new Trace(spec, nodes, placement, replica, its, parameters, settings)
      traces.push(trace)
      heads.push(await trace.forward())
    }
    const forwardCalls = calls.length
    const gradients: Value[] = []
    if (training && traces.length > 1) replicas = new Replicas(placement, parameters, calls)
    if (training) {
      await backward(traces, replicas)
      for (const tape of tapes) gradients.push(await checked(tape))
      for (let replica = 0; replica < placement.replicas; replica++) {
        await allReduceFlags(placement, replica, tapes, parameters)
      }
      for (const trace of traces) await trace.update()
      replicas?.share()
    }
    const refresh: Tape[] = []
    for (const tape of tapes) refresh.push(await tape.refresh(parameters.of(tape.part)))
    const [head] = heads
    if (!head) throw new Error('[net] has no head')
    const made: Draft = {
      spec,
      options: { batch, dtype, training },
      ...{ placement, parameters, tapes, calls, forwardCalls, refresh, gradients, heads },
      stepInputs: traces.flatMap(({ stepInputs }) => stepInputs),
      layers: mergeResults(traces),
      classes: head.logits.dims[1] ?? 0,
      valuesOf: (part) => [...(tapes[part]?.values ?? []), ...(replicas?.valuesOf(part) ?? [])],
      scratchOf: (stream) =>
        [...calls, ...refresh.flatMap((tape) => tape.calls)]
          .filter((call) => call.stream === stream)
          .reduce((most, { op }) => Math.max(most, op.scratch), 0),
      plan: () => planMemory(made, options),
      close: async () => {
        for (const tape of refresh) tape.close()
        await close()
      }
    }
    return made
  }

  /** Looks for gradients of a part that are not finite. */
  async function checked(tape: Tape): Promise<Value> {
    const { part } = tape
    const bytes = parameters.bytes(part).gradients
    const shape = [bytes / 4]
    const row = new Value({
      ...{ name: 'gradients', layer: 'update', dtype: 'f32', layout: 'a', permanent: true },
      ...{ part, shape, bytes }
    })
    tape.at('update', 'update')
    if (bytes > 0) await tape.call('finite', {}, { ok: parameters.ok(part), x: row })
    return row
  }
}

/** The backward passes of all replicas side by side, so that gradients are summed as they become known. */
async function backward(traces: readonly Trace[], replicas: Replicas | undefined): Promise<void> {
  const walks = traces.map((trace) => trace.backward())
  for (let going = true; going; ) {
    going = false
    for (const walk of walks) going = (await walk.next()).done !== true || going
    await replicas?.sum()
  }
}

/** The layers as those of one net, whose batch the replicas share. */
function mergeResults(traces: readonly Trace[]): LayerSummary[] {
  const [first] = traces
  return (first?.layers ?? []).map((layer, i) => ({
    ...layer,
    bytes: traces.reduce((sum, { layers }) => sum + (layers[i]?.bytes ?? 0), 0)
  }))
}
