import { type Call, Tape } from '../graph/tape.ts'
import type { Placement } from './placement.ts'

/** One tape a part, with one list of calls. */
export function createTapes({ parts }: Placement): readonly Tape[] {
  const calls: Call[] = []
  return parts.map(({ stream, index }) => new Tape(stream, index, calls))
}
