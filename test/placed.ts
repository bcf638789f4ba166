/** Courses of a narrow `alexnet` on one device and on several, for tests to compare. */
import type { Test } from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { type BuildOptions, openDevices, shapes } from '../lib/index.ts'
import { alexnet } from '../lib/net/models/alexnet.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import type { Span, TraceEvent } from '../lib/training/bench/index.ts'
import type { MicroBatchKind } from '../lib/training/step/micro-batch.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import type { Snapshot } from '../lib/training/train.ts'
import { run, seed, weights } from './courses.ts'

const size = 67
export const input = { channels: 3, height: size, width: size }
export const definition = alexnet({ classes: 10, width: 1 / 8, input, init: 'he' })
export const set = shapes({ channels: 3, size, train: 40, seed }).train
const rates = { lr: 1e-3, optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }) }

export interface Course extends Partial<BuildOptions> {
  readonly steps?: number
  readonly from?: Snapshot | undefined
}

/** Builds the net on devices for as long as a function needs it. */
export async function built<T>(
  names: readonly string[],
  options: Partial<BuildOptions>,
  work: (net: Net) => Promise<T>
): Promise<T> {
  await using devices = await openDevices(names, { threads: 1 })
  await using net = await definition.build(devices.all, { batch: 4, seed, ...options })
  return await work(net)
}

/** Losses and weights of a run on these devices, and its state. */
export function course(names: readonly string[], { steps = 20, from, ...options }: Course = {}) {
  return built(names, options, async (net) => {
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const start = await weights(net)
    const losses = await run(net, set, { ...rates, steps, from, checkpoint: { save } })
    return { start, losses, weights: await weights(net), saved }
  })
}

/**
 * Copies of gradients between devices, by kind of micro-batch, and how many gradients there are.
 * @param net built for training
 */
export async function exchangesOf(net: Net, images: ImageSet, accumulate: number) {
  await using trainer = await Trainer.create(net, images, sgd(), { accumulate })
  const recorded = await trainer.recorded(net.batch)
  const count = (kind: MicroBatchKind) =>
    recorded.program(kind).calls.filter(({ call: { op, stream, pass } }) => {
      return op.name === 'copy' && net.placement.links.includes(stream) && pass === 'backward'
    }).length
  const kinds = ['only', 'first', 'middle', 'last'] as const
  const names = new Set(net.parameters.trained.map(({ name, from }) => `${name} ${from}`))
  return { copies: kinds.map(count), gradients: names.size }
}

/** How far losses are off others, as a fraction of them. */
export const off = (losses: readonly number[], expected: readonly number[]) =>
  Math.max(...expected.map((loss, i) => Math.abs((losses[i] ?? Number.NaN) / loss - 1)))

/** What goes from device to device in a step: in which pass, of which layer, from whom, to whom. */
export const sent = (spans: readonly Span[]): string[] =>
  spans.flatMap(({ layer, pass, device, to }) => (to ? [`${pass} ${layer}: ${device} ${to}`] : []))

/**
 * Checks that a trace is one that viewers take: processes and threads have names, and the calls of a thread come
 * one after the other.
 * @returns its calls
 */
export function checkTrace(t: Test, events: readonly TraceEvent[], devices: readonly string[]) {
  const names = events.flatMap((event) => (event.ph === 'M' ? [event] : []))
  const calls = events.flatMap((event) => (event.ph === 'X' ? [event] : []))
  t.equal(names.length + calls.length, events.length)
  const processes = names.filter(({ name }) => name === 'process_name')
  t.strictSame(
    processes.map(({ pid, args }) => [pid, args.name]),
    devices.map((device, pid) => [pid, device])
  )
  const threads = names.filter(({ name }) => name === 'thread_name')
  let placed = 0
  for (const { pid, tid, args } of threads) {
    const own = calls.filter((call) => call.pid === pid && call.tid === tid)
    placed += own.length
    t.ok(own.every((call) => call.args.device === devices[pid] && call.args.stream === args.name))
    own.sort((a, b) => a.ts - b.ts)
    const ends = own.map(({ ts, dur }) => ts + dur)
    const late = own.filter(({ ts }, i) => i > 0 && ts + 0.01 < (ends[i - 1] ?? 0))
    t.strictSame(late, [], `${devices[pid]} ${args.name}: one after the other`)
  }
  t.equal(placed, calls.length, 'every call is on a thread with a name')
  t.equal(Math.min(...calls.map(({ ts }) => ts)), 0)
  t.ok(calls.every(({ name, dur, args }) => name !== '' && dur >= 0 && args.bytes >= 0))
  return calls
}
