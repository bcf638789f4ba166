/**
 * Measures how fast a net is, layer by layer, and writes its steps as a trace.
 *
 * @module alexnode/bench
 */

import '../../util/disposal.ts' // before any class that has such a method

export type { Pass } from '../../net/graph/tape.ts'
export {
  Benchmark,
  type BenchOptions,
  type BenchResult,
  type Burst,
  bench,
  type Profile
} from './bench.ts'
export { type ChromeTrace, chromeTrace, type TraceEvent, writeTrace } from './chrome-trace.ts'
export type { CallTime, LayerTime } from './per-layer.ts'
export type { Span } from './timeline.ts'
