/**
 * Inserts events between streams. A build's calls are listed in a valid serial order. Here each stream runs on its
 * own, and waits for another one only if both access the same bytes and one of them writes.
 */

import type { Stream } from '../../engine/stream.ts'
import type { BoundCall } from '../graph/tape.ts'

/** A command for a stream: run a call, record event number `record`, or wait for an event that `other` recorded. */
export type Action =
  | { readonly run: BoundCall }
  | { readonly record: number; readonly stream: Stream }
  | { readonly wait: number; readonly stream: Stream; readonly other: Stream }

/** Bytes that a call accesses. */
interface Access {
  readonly buffer: object
  readonly begin: number
  readonly end: number
  readonly writes: boolean
}

/** A stream waits for the call of this index. */
interface Wait {
  readonly stream: Stream
  readonly call: number
}

function accessesOf({ call, tensors }: BoundCall): Access[] {
  return call.op.info.slots.flatMap(({ name, role }) => {
    const tensor = tensors[name]
    if (!tensor) return []
    const { buffer, offset, bytes } = tensor
    return [{ buffer, begin: offset, end: offset + bytes, writes: role !== 'in' }]
  })
}

function conflict(a: readonly Access[], b: readonly Access[]): boolean {
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

/** The waits that calls need, and those of the compute streams at the end. */
function findWaits(
  calls: readonly BoundCall[],
  computing: readonly Stream[],
  copying: readonly Stream[]
): { readonly before: readonly (readonly Wait[])[]; readonly atEnd: readonly Wait[] } {
  const accesses = calls.map(accessesOf)
  // A vector clock for each stream: the last call of each other stream that it knows to be done.
  const clocks = new Map<Stream, Map<Stream, number>>()
  const clockOf = (stream: Stream) => {
    const clock = clocks.get(stream) ?? new Map<Stream, number>()
    clocks.set(stream, clock)
    return clock
  }
  // By call: its stream's clock when it runs.
  const clockAt: Map<Stream, number>[] = []
  const advance = (clock: Map<Stream, number>, call: number) => {
    const other = calls[call]?.call.stream
    for (const [stream, index] of [...(clockAt[call] ?? []), [other, call] as const]) {
      if (stream) clock.set(stream, Math.max(index, clock.get(stream) ?? -1))
    }
  }
  const before: Wait[][] = calls.map(() => [])
  for (const [i, { call }] of calls.entries()) {
    const { stream } = call
    const clock = clockOf(stream)
    for (let k = i - 1; k >= 0; k--) {
      const other = calls[k]?.call.stream
      if (!other || other === stream || (clock.get(other) ?? -1) >= k) continue
      if (!conflict(accesses[i] ?? [], accesses[k] ?? [])) continue
      before[i]?.push({ stream, call: k })
      advance(clock, k)
    }
    clockAt.push(new Map(clock))
  }
  const atEnd: Wait[] = []
  for (const link of copying) {
    const last = calls.findLastIndex(({ call }) => call.stream === link)
    for (const stream of computing) {
      if ((clockOf(stream).get(link) ?? -1) < last) atEnd.push({ stream, call: last })
    }
  }
  return { before, atEnd }
}

/**
 * Orders calls of several streams by events.
 *
 * @param calls in a valid serial order
 * @param computing the streams that compute; each accesses only its own device's memory
 * @param links the streams that copy between devices. They start after the computing streams reach this point,
 * which in turn continue after them at the end, so that what runs before or after needs no events.
 * @returns the same calls in the same order, with events between
 */
export function insertEvents(
  calls: readonly BoundCall[],
  computing: readonly Stream[],
  links: readonly Stream[]
): Action[] {
  const copying = links.filter((link) => calls.some(({ call }) => call.stream === link))
  if (copying.length === 0) return calls.map((run) => ({ run }))

  const { before, atEnd } = findWaits(calls, computing, copying)
  const actions: Action[] = []
  let events = 0
  for (const stream of computing) {
    const event = events++
    actions.push({ record: event, stream })
    for (const link of copying) actions.push({ wait: event, stream: link, other: stream })
  }
  const awaited = new Set([...before.flat(), ...atEnd].map(({ call }) => call))
  const eventOf = new Map<number, number>()
  const wait = (list: readonly Wait[]) => {
    for (const { stream, call } of list) {
      const other = calls[call]?.call.stream
      const event = eventOf.get(call)
      if (other && event !== undefined) actions.push({ wait: event, stream, other })
    }
  }
  for (const [i, run] of calls.entries()) {
    wait(before[i] ?? [])
    actions.push({ run })
    if (!awaited.has(i)) continue
    const event = events++
    eventOf.set(i, event)
    actions.push({ record: event, stream: run.call.stream })
  }
  wait(atEnd)
  return actions
}
