import type { Net } from '../../net/net.ts'
import { type Span, spansOf } from '../bench/timeline.ts'
import { statsOf } from '../evaluate/metrics.ts'
import { endsUpdate, type MicroBatch } from './micro-batch.ts'
import type { RecordedProgram, RecordedStep } from './recorded-step.ts'
import type { MicroBatchResult } from './step-result.ts'

/** A micro-batch that was queued. */
export interface BatchRun {
  /** Settles when the device is done with it; never if its update is held back and not committed. */
  readonly result: Promise<MicroBatchResult>
  /** Settles, or fails, when the device is done with all but the update that is held back. */
  readonly computed: Promise<unknown>
  /** Queues the update that was held back. A second call does nothing. */
  commit(): void
}

/** How a micro-batch runs. */
export interface RunOptions {
  /** Call the ops one by one instead of running the recorded programs. */
  readonly eager: boolean
  /** Report when each call ran. */
  readonly timed: boolean
  /** Hold the update back until `commit` is called: the weights stay as they are, and the gradients are computed. */
  readonly hold: boolean
}

/** Runs a micro-batch whose images are on their way to the device. */
export function runBatch(
  recorded: RecordedStep,
  { indices, share, kind }: MicroBatch,
  delivered: Promise<void>,
  { eager, timed, hold }: RunOptions
): BatchRun {
  const { net, norm } = recorded
  const ends = endsUpdate(kind)
  const run = (part: RecordedProgram) => start(net, part, { eager, timed: timed && ends })
  net.refresh()
  if (!hold || !ends) {
    const ran = run(recorded.program(kind))
    if (ends) net.markRefreshed()
    return { result: read([ran]), computed: ran, commit: () => {} }
  }
  const { gradients, update } = recorded.halves(kind)
  const computed = run(gradients)
  // Nobody waits for them if the update is not made.
  computed.catch(() => {})
  delivered.catch(() => {})
  let committed = false
  let settle: (result: Promise<MicroBatchResult>) => void = () => {}
  const result = new Promise<MicroBatchResult>((resolve) => {
    settle = resolve
  })
  result.catch(() => {})
  const commit = () => {
    if (committed) return
    committed = true
    const updated = run(update)
    net.markRefreshed()
    settle(read([computed, updated]))
  }
  return { result, computed, commit }

  /** What the device reports after what was queued so far. */
  function read(ran: readonly Promise<readonly Span[] | undefined>[]): Promise<MicroBatchResult> {
    const all = Promise.all([
      delivered,
      statsOf(net, indices.length),
      net.stream.read(net.io.ok.place),
      ends && norm ? net.stream.read(norm) : undefined,
      Promise.all(ran)
    ])
    const result = all.then(([, stats, ok, norm, spans]) => ({
      ...stats,
      share,
      finite: ok[0] === 1,
      settled: performance.now(),
      gradientNorm: norm?.[0],
      spans: timed && ends ? joined(spans) : undefined
    }))
    result.catch(() => {})
    return result
  }
}

/** Queues a program; resolves when it is done, with its calls' times if they are wanted. */
async function start(
  net: Net,
  { program, calls }: RecordedProgram,
  { eager, timed }: Pick<RunOptions, 'eager' | 'timed'>
): Promise<readonly Span[] | undefined> {
  if (timed) return spansOf(net, program, calls)
  if (eager) net.run(calls)
  else await program.run()
  return undefined
}

/** Joins the times of programs that ran one after another. The time between them does not count. */
function joined(parts: readonly (readonly Span[] | undefined)[]): readonly Span[] {
  let end = 0
  return parts.flatMap((spans = []) => {
    const from = end
    const moved = spans.map((span) => ({ ...span, start: from + span.start }))
    end = moved.reduce((last, { start, ms }) => Math.max(last, start + ms), from)
    return moved
  })
}
