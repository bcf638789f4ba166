import { checkArguments } from '../../util/check/check.ts'
import { list, plain, text } from '../../util/check/rules.ts'
import { replaceFile } from '../../util/files/atomic.ts'
import type { Span } from './timeline.ts'

/** An event of a trace: a call ('X'), or the name of a process or thread ('M'). */
export type TraceEvent =
  | {
      /** Phase: a complete event. */
      readonly ph: 'X'
      /** What viewers show. */
      readonly name: string
      /** Category, to filter by. */
      readonly cat: Span['pass'] | 'exchange'
      /** Number of the device. */
      readonly pid: number
      /** Number of the device's stream. */
      readonly tid: number
      /** Microseconds from the start of the step. */
      readonly ts: number
      /** Duration in microseconds. */
      readonly dur: number
      /** The rest of the call. */
      readonly args: Omit<Span, 'start' | 'ms'>
    }
  | {
      /** Phase: metadata. */
      readonly ph: 'M'
      /** What is named. */
      readonly name: 'process_name' | 'thread_name'
      /** Number of the device. */
      readonly pid: number
      /** Number of the device's stream. */
      readonly tid: number
      /** The metadata. */
      readonly args: {
        /** Name of the device or the stream. */
        readonly name: string
      }
    }

/** A trace in Google's "Trace Event Format", JSON object form. */
export interface ChromeTrace {
  /** The unit that viewers show. */
  readonly displayTimeUnit: 'ms'
  /** Names of devices and streams, then calls. */
  readonly traceEvents: readonly TraceEvent[]
}

const threads = ['compute', 'exchange'] as const

/**
 * Converts the timeline of a step to a trace for chrome://tracing and ui.perfetto.dev: a process for each device, a
 * thread for each of its streams, an event for each call.
 *
 * @param spans from `bench`, or from `train`'s option `onTimeline`
 *
 * @example
 * const { timeline = [] } = await bench(alexnet(), devices.all, { batch: 128, timeline: true })
 * await writeFile('trace.json', JSON.stringify(chromeTrace(timeline)))
 */
export function chromeTrace(spans: readonly Span[]): ChromeTrace {
  checkArguments('trace', { spans: [spans, list(plain)] })
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
      pid: devices.indexOf(device),
      tid: threads.indexOf(stream),
      ts: start * 1000,
      dur: ms * 1000,
      args
    }
  })
  return { displayTimeUnit: 'ms', traceEvents: [...names, ...calls] }
}

/**
 * Writes the timeline of a step as a trace: see `chromeTrace`. An existing file is replaced atomically.
 *
 * @param path of a JSON file
 * @throws DiskError when the disk refuses
 *
 * @example
 * const onTimeline = (spans: readonly Span[]) => writeTrace('trace.json', spans)
 * for await (const step of train(net, data.train, { lr: 0.01, onTimeline })) console.log(step.loss)
 */
export async function writeTrace(path: string, spans: readonly Span[]): Promise<void> {
  checkArguments('trace', { path: [path, text], spans: [spans, list(plain)] })
  const { traceEvents, ...rest } = chromeTrace(spans)
  // One event a line, for people and line-based tools.
  const events = traceEvents.map((event) => JSON.stringify(event)).join(',\n')
  const head = JSON.stringify(rest).slice(0, -1)
  await replaceFile(path, `${head},"traceEvents":[\n${events}\n]}\n`)
}
