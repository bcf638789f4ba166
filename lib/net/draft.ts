/** A draft is a build without memory: its op calls, with all shapes and layouts, and its memory plan. */

import type { Stream } from '../engine/stream.ts'
import { frozenLayers } from './freeze.ts'
import { fuse } from './fuse.ts'
import { type ParameterLayout, Parameters } from './graph/parameters.ts'
import type { Call, Tape } from './graph/tape.ts'
import { Value } from './graph/value.ts'
import { type MemoryPlan, planMemory } from './memory-plan.ts'
import { type BuildOptions, type SettledOptions, settleOptions } from './options.ts'
import { allReduceFlags } from './placement/all-reduce-flags.ts'
import { GroupSync } from './placement/group-sync.ts'
import type { Placement } from './placement/placement.ts'
import { type Reduction, ReplicaSync } from './placement/replica-sync.ts'
import { GroupBatch } from './placement/shared-batch.ts'
import { Tags } from './placement/tags.ts'
import { createTapes } from './placement/tapes.ts'
import type { NetSpec } from './spec.ts'
import type { StepInputs, StepIO } from './trace/step-io.ts'
import { type LayerSummary, mergeResults } from './trace/summary.ts'
import { Trace } from './trace/trace.ts'

/** A net laid out on devices, with its op calls and its memory plan, before memory is allocated. */
export interface Draft {
  /** @internal */
  readonly spec: NetSpec
  /** @internal */
  readonly options: SettledOptions
  /** @internal */
  readonly placement: Placement
  /** The parameters, without memory. */
  readonly parameters: Parameters
  /** @internal One a part of the placement, with one list of calls. */
  readonly tapes: readonly Tape[]
  /** @internal In a valid serial order. */
  readonly calls: readonly Call[]
  /** @internal The number of calls that are the forward pass. */
  readonly forwardCalls: number
  /** @internal One a part: copies master weights to the packed copies that ops read. */
  readonly refresh: readonly Tape[]
  /** @internal By part: all gradients as one f32 vector. */
  readonly gradients: readonly Value[]
  /** @internal The calls that all-reduce the gradients of replicas and of processes. */
  readonly reductions: readonly Reduction[]
  /** @internal By part. */
  readonly stepInputs: readonly StepInputs[]
  /** @internal By replica. */
  readonly stepIO: readonly StepIO[]
  /** The layers, after fusion. */
  readonly layers: readonly LayerSummary[]
  /** The number of logits. */
  readonly classes: number
  /** @internal The values on a part. */
  valuesOf(part: number): readonly Value[]
  /** @internal Bytes of scratch that the largest op of a stream needs. */
  scratchOf(stream: Stream): number
  /** How much memory a build would take, and how much is free now. */
  plan(): MemoryPlan
  /** Closes its ops, and its streams if the draft created them. */
  close(): Promise<void>
}

/**
 * Lays a net out on a placement, without memory for tensors.
 * @param ownsPlacement whether the placement closes with the draft
 * @param layouts of the parameters; default: ops choose them
 * @throws Error for a batch that is no whole number from 1, a dtype that a device does not have, or a layer that does
 * not suit its inputs; nothing stays open then
 */
export async function draftNet(
  spec: NetSpec,
  placement: Placement,
  buildOptions: BuildOptions,
  ownsPlacement: boolean,
  layouts?: readonly ParameterLayout[]
): Promise<Draft> {
  const options = settleOptions(buildOptions)
  const { batch, dtype, training, winograd, syncBatchNorm } = options
  const parameters = parametersFor(spec, options, layouts)
  const tapes = createTapes(placement)
  const calls = tapes[0]?.calls ?? []
  let sync: ReplicaSync | undefined
  let groupSync: GroupSync | undefined
  let shared: GroupBatch | undefined
  const close = async () => {
    sync?.close()
    groupSync?.close()
    shared?.close()
    for (const tape of tapes) tape.close()
    if (ownsPlacement) await placement.close()
  }
  try {
    for (const { device } of placement.parts) device.requireDType(dtype)
    await placement.join()
    return await trace()
  } catch (error) {
    await close()
    throw error
  }

  async function trace(): Promise<Draft> {
    const nodes = options.fuse ? fuse(spec.layers) : spec.layers
    const traces: Trace[] = []
    const stepIO: StepIO[] = []
    const tags = new Tags(placement.tags)
    if (syncBatchNorm && training) shared = GroupBatch.of(placement, batch, tags, calls)
    for (let replica = 0; replica < placement.replicas; replica++) {
      const parts = placement.of(replica)
      const trace = new Trace({
        spec,
        nodes,
        placement,
        parts,
        tapes: tapes.filter(({ part }) => placement.parts[part]?.replica === replica),
        parameters,
        dtype,
        training,
        shared,
        winograd,
        batch: placement.rows(replica, batch).count
      })
      traces.push(trace)
      stepIO.push(await trace.forward())
    }
    const forwardCalls = calls.length
    const gradients = training ? tapes.map(({ part }) => allGradients(part)) : []
    if (training) {
      const { group } = placement
      if (traces.length > 1) sync = new ReplicaSync(placement, parameters, calls)
      if (group) {
        const common = { placement, tags, parameters, calls, gradients }
        groupSync = new GroupSync({ ...common, replicas: sync, dtype: options.gradientDtype })
      }
      await addBackward(traces, sync, groupSync)
      for (const tape of tapes) await checkGradients(tape, parameters, gradients[tape.part])
      for (let replica = 0; replica < placement.replicas; replica++) {
        await allReduceFlags(placement, replica, tapes, parameters)
      }
      for (const trace of traces) await trace.update()
      sync?.broadcastStatistics()
      // Those of the whole batch are the same everywhere.
      if (!shared) await groupSync?.broadcastStatistics()
    }
    const refresh: Tape[] = []
    for (const tape of tapes) refresh.push(await tape.refresh(parameters.of(tape.part)))
    const draft: Draft = {
      spec,
      options,
      placement,
      parameters,
      tapes,
      calls,
      forwardCalls,
      refresh,
      gradients,
      reductions: [...(sync?.reductions ?? []), ...(groupSync?.reductions ?? [])],
      stepInputs: traces.flatMap(({ stepInputs }) => stepInputs),
      stepIO,
      layers: mergeResults(traces.map(({ layers }) => layers)),
      classes: stepIO[0]?.logits.dims[1] ?? 0,
      valuesOf: (part) => [
        ...(tapes[part]?.values ?? []),
        ...(sync?.valuesOf(part) ?? []),
        ...(groupSync?.valuesOf(part) ?? [])
      ],
      scratchOf: (stream) =>
        [...calls, ...refresh.flatMap((tape) => tape.calls)]
          .filter((call) => call.stream === stream)
          .reduce((most, { op }) => Math.max(most, op.scratch), 0),
      plan: () => planMemory(draft),
      close: async () => {
        for (const tape of refresh) tape.close()
        await close()
      }
    }
    return draft
  }
}

/** @throws Error for layers to freeze that are not there, or not those that are frozen in another build */
function parametersFor(
  spec: NetSpec,
  { parameters, freeze }: SettledOptions,
  layouts: readonly ParameterLayout[] | undefined
): Parameters {
  const frozen = frozenLayers(spec, freeze)
  if (!parameters) return new Parameters(frozen, layouts)
  const names = (set: ReadonlySet<string>) => [...set].sort().join(', ') || 'none'
  if (freeze !== undefined && names(frozen) !== names(parameters.frozen)) {
    throw new Error(
      `[net] ${spec.name}: freeze: expected the layers that are frozen in the build of the parameters, ` +
        `${names(parameters.frozen)}, got ${names(frozen)}; leave freeze out`
    )
  }
  return parameters
}

/** Adds the backward passes of all replicas in lockstep, so that gradients are reduced as soon as all have them. */
async function addBackward(
  traces: readonly Trace[],
  sync: ReplicaSync | undefined,
  groupSync: GroupSync | undefined
): Promise<void> {
  const passes = traces.map((trace) => trace.backward())
  for (let running = true; running; ) {
    running = false
    for (const pass of passes) running = (await pass.next()).done !== true || running
    await sync?.allReduceGradients()
    await groupSync?.sum(!running)
  }
}

/** All gradients of a part as one f32 vector. Its size is known when they all are settled. */
function allGradients(part: number): Value {
  return new Value({
    name: 'gradients',
    layer: 'update',
    dtype: 'f32',
    part,
    layout: 'a',
    permanent: true
  })
}

/** Checks that all gradients of a part are finite; clears the part's `ok` if not. */
async function checkGradients(
  tape: Tape,
  parameters: Parameters,
  x: Value | undefined
): Promise<void> {
  const { part } = tape
  const { gradients: bytes } = parameters.bytes(part)
  if (!x) throw new Error(`[net] there is no part ${part}`)
  x.shape = [bytes / 4]
  x.bytes = bytes
  tape.at('update', 'update')
  if (bytes > 0) await tape.call('finite', {}, { ok: parameters.ok(part), x })
}
