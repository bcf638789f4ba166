/**
 * A step as a trace that chrome://tracing and ui.perfetto.dev show: a process for each device, a thread for each of
 * its streams, an event for each call. The format: Google's "Trace Event Format", in its form as an object.
 */
import { replaceFile } from '../../util/files/atomic.ts'
import type { Span } from './timeline.ts'

/** A call ('X'), or the name of a process or thread ('M'). */
export type TraceEvent =
  | {
      readonly ph: 'X'
      readonly name: string
      /** What kind of work: to be filtered by. */
      readonly cat: Span['pass'] | 'exchange'
      readonly pid: number
      readonly tid: number
      /** Microseconds from the step's beginning. */
      readonly ts: number
      /** Microseconds. */
      readonly dur: number
      readonly args: Omit<Span, 'start' | 'ms'>
    }
  | {
      readonly ph: 'M'
      readonly name: 'process_name' | 'thread_name'
      readonly pid: number
      readonly tid: number
      readonly args: { readonly name: string }
    }

export interface ChromeTrace {
  readonly displayTimeUnit: 'ms'
  readonly traceEvents: readonly TraceEvent[]
}

const threads = ['compute', 'exchange'] as const

/**
 * What `train` and `bench` have told of a step, as a trace.
 *
 * @example
 * const { timeline = [] } = await bench(alexnet(), devices.all, { batch: 128, timeline: true })
 * await writeFile('trace.json', JSON.stringify(chromeTrace(timeline)))
 */
export function chromeTrace(spans: readonly Span[]): ChromeTrace {
  const devices = [...new Set(spans.map(({ device }) => device))]
  const names = devices.flatMap((device, pid): TraceEvent[] => {
    const used = threads.filter((name) =>
      spans.some((span) => span.device === device && span.stream === name)
    )
    return [
      { ph: 'M', name: 'process_name', pid, tid: 0, args: { name: device } },
      ...used.map((name): TraceEvent => {
        return { ph: 'M', name: 'thread_name', pid, tid: threads.indexOf(name), args: { name } }
      })
    ]
  })
  const calls = spans.map(({ start, ms, ...args }): TraceEvent => {
    const { device, stream, layer, pass, op, to } = args
    return {
      ph: 'X',
      name: to === undefined ? `${layer} ${op}` : `${layer} to ${to}`,
      cat: stream === 'exchange' ? stream : pass,
      ...{ pid: devices.indexOf(device), tid: threads.indexOf(stream) },
      ...{ ts: start * 1000, dur: ms * 1000, args }
    }
  })
  return { displayTimeUnit: 'ms', traceEvents: [...names, ...calls] }
}

/**
 * Writes a step as a trace, whole or not at all; a file that is there is replaced.
 * @throws DiskError where the disk refuses
 */
export async function writeTrace(path: string, spans: readonly Span[]): Promise<void> {
  const { traceEvents, ...rest } = chromeTrace(spans)
  // A line an event, for people and their tools.
  const events = traceEvents.map((event) => JSON.stringify(event)).join(',\n')
  const head = JSON.stringify(rest).slice(0, -1)
  await replaceFile(path, `${head},"traceEvents":[\n${events}\n]}\n`)
}
