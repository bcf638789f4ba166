/** What the passes of one replica share. */
import type { DType } from '../../native/dtype.ts'
import { OutOfMemoryError } from '../../native/errors.ts'
import type { PlacedNode } from '../fuse.ts'
import type { Parameters } from '../graph/parameters.ts'
import type { Tape } from '../graph/tape.ts'
import type { SharedBatch } from '../layer.ts'
import type { Part, Placement } from '../placement/placement.ts'
import type { NetSpec } from '../spec.ts'

export interface TraceContext {
  readonly spec: NetSpec
  /** The layers after fusion. */
  readonly nodes: readonly PlacedNode[]
  readonly placement: Placement
  /** The replica's parts and their tapes, by slice. */
  readonly parts: readonly Part[]
  readonly tapes: readonly Tape[]
  readonly parameters: Parameters
  readonly dtype: DType
  readonly training: boolean
  readonly winograd: boolean
  /** The batch, if batch norm takes its statistics over that of several processes. */
  readonly shared: SharedBatch | undefined
  /** Images of this replica. */
  readonly batch: number
}

export function partOf({ parts }: TraceContext, slice: number): Part {
  const part = parts[slice]
  if (!part) throw new Error(`[placement] there is no slice ${slice}`)
  return part
}

export function tapeOf({ tapes }: TraceContext, slice: number): Tape {
  const tape = tapes[slice]
  if (!tape) throw new Error(`[placement] there is no slice ${slice}`)
  return tape
}

/** True if several layers read the output of this one, or of 'input'. */
export function hasSeveralConsumers({ nodes }: TraceContext, name: string): boolean {
  return nodes.filter(({ inputs }) => inputs.includes(name)).length > 1
}

/** Runs `work`, and adds the layer to the errors that it throws. */
export async function inLayer<T>(
  { spec }: TraceContext,
  { name, kind }: { readonly name: string; readonly kind: string },
  work: () => T | Promise<T>
): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const Kind = cause instanceof OutOfMemoryError ? OutOfMemoryError : Error
    throw new Kind(`[net] ${spec.name}, layer '${name}' (${kind}): ${reason}`, { cause })
  }
}
