import type { Program } from '../../engine/program.ts'
import type { BoundCall, Pass } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'

/** When one call of a step ran: an op or a copy. */
export interface Span {
  /** The device whose stream it ran on. */
  readonly device: string
  /** 'compute', or 'exchange' for the stream that copies to other devices. */
  readonly stream: 'compute' | 'exchange'
  /** For a copy to another device: that device. */
  readonly to?: string
  /** Name of the layer. */
  readonly layer: string
  /** Such as 'forward' or 'backward'. */
  readonly pass: Pass
  /** Name of the op. */
  readonly op: string
  /** The kernel or library primitive that computed it. */
  readonly implementation: string
  /** Bytes that it reads and writes; for a copy, bytes copied. */
  readonly bytes: number
  /** Milliseconds from the start of the step's first call to the start of this one. */
  readonly start: number
  /** Duration in milliseconds. */
  readonly ms: number
}

/**
 * Runs a program once and times each of its calls.
 * @param calls the calls that the program was recorded from
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
  // `times` goes stream by stream.
  const at = new Map<BoundCall, number>()
  for (const stream of streams) {
    for (const bound of calls) if (bound.call.stream === stream) at.set(bound, at.size)
  }
  return calls.map((bound) => {
    const { op, stream, layer, pass } = bound.call
    const i = 2 * (at.get(bound) ?? 0)
    return {
      device: stream.device.name,
      stream: links.includes(stream) ? 'exchange' : 'compute',
      layer,
      pass,
      op: op.name,
      implementation: op.implementation,
      ...moved(bound),
      start: (times[i] ?? 0) - origin,
      ms: times[i + 1] ?? 0
    }
  })
}

/** The bytes that a call reads and writes, and the destination of a copy between devices. */
function moved({ call, tensors }: BoundCall): Pick<Span, 'bytes' | 'to'> {
  const { x, y } = tensors
  if (call.op.name === 'copy' && x && y) {
    const { device } = y.buffer
    return { bytes: y.bytes, ...(device !== x.buffer.device && { to: device.name }) }
  }
  return { bytes: Object.values(tensors).reduce((sum, tensor) => sum + (tensor?.bytes ?? 0), 0) }
}
