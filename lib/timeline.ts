/** When the calls of a step ran, on which device and stream; as a trace that Chrome and Perfetto show. */
import type { BoundCall, Net } from './net.ts'
import type { Program } from './program.ts'

/** One call of a run. */
export interface Span {
  readonly bound: BoundCall
  /** Milliseconds from the run's beginning to the call's. */
  readonly start: number
  /** Milliseconds that it took. */
  readonly ms: number
}

/**
 * Runs a program once and tells when each of its calls ran.
 * @param calls what `net.record` has made the program of
 */
export async function spansOf(
  net: Net,
  program: Program,
  calls: readonly BoundCall[]
): Promise<Span[]> {
  const times = await program.spans()
  const at = new Map<BoundCall, number>()
  for (const stream of net.placement.streams) {
    for (const bound of calls) if (bound.call.stream === stream) at.set(bound, at.size)
  }
  return calls.map((bound) => {
    const i = 2 * (at.get(bound) ?? 0)
    return { bound, start: times[i] ?? 0, ms: times[i + 1] ?? 0 }
  })
}
