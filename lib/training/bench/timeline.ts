/** When the calls of a step ran, on which device and stream. */

import type { Program } from '../../engine/program.ts'
import type { BoundCall, Pass } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'

/** One call of a step: of an op, or a copy. */
export interface Span {
  /** The device whose stream it ran on. */
  readonly device: string
  /** The stream that computes, or the one beside it that copies to other devices. */
  readonly stream: 'compute' | 'exchange'
  /** Of a copy between devices: where to. */
  readonly to?: string
  readonly layer: string
  readonly pass: Pass
  readonly op: string
  readonly implementation: string
  /** What it reads and writes; of a copy, what it copies. */
  readonly bytes: number
  /** Milliseconds from the beginning of the step's first call to that of this one. */
  readonly start: number
  /** Milliseconds that it took. */
  readonly ms: number
}

/**
 * Runs a program once and tells when each of its calls ran.
 * @param calls what `net.record` has made the program of
 * @returns in the order of the calls
 */
export async function spansOf(
  net: Net,
  program: Program,
  calls: readonly BoundCall[]
): Promise<Span[]> {
  const times = await program.spans()
  // The run may have waited for the one before.
  const origin = times.reduce((least, time, i) => (i % 2 ? least : Math.min(least, time)), Infinity)
  const { streams, links } = net.placement
  // The times come stream by stream.
  const at = new Map<BoundCall, number>()
  for (const stream of streams) {
    for (const bound of calls) if (bound.call.stream === stream) at.set(bound, at.size)
  }
  return calls.map((bound) => {
    const { op, stream, layer, pass } = bound.call
    const i = 2 * (at.get(bound) ?? 0)
    return {
      ...{ device: stream.device.name, stream: links.includes(stream) ? 'exchange' : 'compute' },
      ...{ layer, pass, op: op.name, implementation: op.implementation },
      ...moved(bound),
      ...{ start: (times[i] ?? 0) - origin, ms: times[i + 1] ?? 0 }
    }
  })
}

/** What a call touches, and where a copy between devices goes. */
function moved({ call, tensors }: BoundCall): Pick<Span, 'bytes' | 'to'> {
  const { x, y } = tensors
  if (call.op.name === 'copy' && x && y) {
    const { device } = y.buffer
    return { bytes: y.bytes, ...(device !== x.buffer.device && { to: device.name }) }
  }
  return { bytes: Object.values(tensors).reduce((sum, tensor) => sum + (tensor?.bytes ?? 0), 0) }
}
