/**
 * Puts events between streams. A build's calls stand in an order that is right one after the other; here each
 * stream is let loose, and waits for another only where both touch the same bytes and one of them writes.
 */

import type { Stream } from '../../engine/stream.ts'
import type { BoundCall } from '../graph/tape.ts'

/** What to tell a stream: to run a call, to mark this point, or to wait for another stream's mark. */
export type Action =
  | { readonly run: BoundCall }
  | { readonly mark: number; readonly stream: Stream }
  | { readonly wait: number; readonly stream: Stream; readonly other: Stream }

/** Bytes that a call touches. */
interface Touch {
  readonly buffer: object
  readonly begin: number
  readonly end: number
  readonly writes: boolean
}

function touches({ call, tensors }: BoundCall): Touch[] {
  return call.op.info.slots.flatMap(({ name, role }) => {
    const tensor = tensors[name]
    if (!tensor) return []
    const { buffer, offset, bytes } = tensor
    return [{ buffer, begin: offset, end: offset + bytes, writes: role !== 'in' }]
  })
}

function meet(a: readonly Touch[], b: readonly Touch[]): boolean {
  return a.some((one) =>
    b.some(
      (other) =>
        (one.writes || other.writes) &&
        one.buffer === other.buffer &&
        one.begin < other.end &&
        other.begin < one.end
    )
  )
}

/**
 * @param calls in an order that is right one after the other
 * @param mains the streams that compute; each touches its own device's memory alone
 * @param links the streams that copy between devices. They begin after the mains have come here, and the mains
 * go on after them, so that what is run before or after needs no events.
 * @returns the same calls in the same order, with marks and waits between
 */
export function ordered(
  calls: readonly BoundCall[],
  mains: readonly Stream[],
  links: readonly Stream[]
): Action[] {
  const copying = links.filter((link) => calls.some(({ call }) => call.stream === link))
  if (copying.length === 0) return calls.map((run) => ({ run }))

  const touched = calls.map(touches)
  // By stream: the last call of each other stream that is known to be done; by call: what its stream knew then.
  const known = new Map<Stream, Map<Stream, number>>()
  const knewAt: Map<Stream, number>[] = []
  const clockOf = (stream: Stream) => {
    const clock = known.get(stream) ?? new Map<Stream, number>()
    known.set(stream, clock)
    return clock
  }
  const waits: { readonly stream: Stream; readonly for: number }[][] = calls.map(() => [])
  const learn = (clock: Map<Stream, number>, at: number) => {
    const other = calls[at]?.call.stream
    for (const [stream, index] of [...(knewAt[at] ?? []), [other, at] as const]) {
      if (stream) clock.set(stream, Math.max(index, clock.get(stream) ?? -1))
    }
  }
  for (const [i, { call }] of calls.entries()) {
    const { stream } = call
    const clock = clockOf(stream)
    for (let k = i - 1; k >= 0; k--) {
      const other = calls[k]?.call.stream
      if (!other || other === stream || (clock.get(other) ?? -1) >= k) continue
      if (!meet(touched[i] ?? [], touched[k] ?? [])) continue
      waits[i]?.push({ stream, for: k })
      learn(clock, k)
    }
    knewAt.push(new Map(clock))
  }
  // At the end the mains wait for the links' last calls.
  const ends: { readonly stream: Stream; readonly for: number }[] = []
  for (const link of copying) {
    const last = calls.findLastIndex(({ call }) => call.stream === link)
    for (const stream of mains) {
      if ((clockOf(stream).get(link) ?? -1) < last) ends.push({ stream, for: last })
    }
  }

  const actions: Action[] = []
  let marks = 0
  for (const stream of mains) {
    const mark = marks++
    actions.push({ mark, stream })
    for (const link of copying) actions.push({ wait: mark, stream: link, other: stream })
  }
  const wanted = new Set([...waits.flat(), ...ends].map((wait) => wait.for))
  const markOf = new Map<number, number>()
  const wait = (list: readonly { readonly stream: Stream; readonly for: number }[]) => {
    for (const { stream, for: at } of list) {
      const other = calls[at]?.call.stream
      const mark = markOf.get(at)
      if (other && mark !== undefined) actions.push({ wait: mark, stream, other })
    }
  }
  for (const [i, run] of calls.entries()) {
    wait(waits[i] ?? [])
    actions.push({ run })
    if (!wanted.has(i)) continue
    const mark = marks++
    markOf.set(i, mark)
    actions.push({ mark, stream: run.call.stream })
  }
  wait(ends)
  return actions
}
