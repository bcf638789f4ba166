/** How fast a net is, step by step and op by op, on input that lies on the device already. */
import { arrayImageSet, type ImageSet } from './data/dataset.ts'
import type { InputShape, NetDefinition } from './definition.ts'
import type { Device } from './device.ts'
import type { FloatDType } from './dtype.ts'
import { Feed } from './feed.ts'
import type { BoundCall, Net } from './net.ts'
import { sgd } from './optimizer.ts'
import type { Parallel } from './placement/placement.ts'
import type { Program } from './program.ts'
import { Random } from './random.ts'
import type { Pass } from './tape.ts'
import { type Span, spansOf } from './timeline.ts'
import { Trainer } from './trainer.ts'

export interface BenchOptions {
  readonly batch: number
  /** Default 'f32'. */
  readonly dtype?: FloatDType
  /** How several devices share the net: as `build` takes it. */
  readonly parallel?: Parallel
  /** 'train': forward, backward, SGD with momentum and weight decay. 'infer': forward. Default 'train'. */
  readonly mode?: 'train' | 'infer'
  /** Steps that are timed. Default 10. */
  readonly steps?: number
  /** Steps before, which are not. Default 2. */
  readonly warmUp?: number
  /** Tell when each call of one more step ran. Default false. */
  readonly timeline?: boolean
}

/** One op call of a step. */
export interface CallTime {
  readonly device: string
  readonly layer: string
  readonly pass: Pass
  readonly op: string
  readonly implementation: string
  /** Milliseconds: the median of a few steps. */
  readonly ms: number
}

export interface BenchResult {
  /** Milliseconds of each step. */
  readonly steps: readonly number[]
  /** Milliseconds: their median. */
  readonly stepMs: number
  /** From the median step; from the slowest; from the fastest. */
  readonly imagesPerSecond: { readonly median: number; readonly min: number; readonly max: number }
  /** Milliseconds a step: CPU time of the whole process, all threads; and the call that queues the step. */
  readonly host: { readonly cpuMs: number; readonly callMs: number }
  /** In the order of the step. */
  readonly calls: readonly CallTime[]
  /** Where that was asked for; see `chromeTrace`. */
  readonly timeline?: readonly Span[]
}

/** Steps whose ops are timed one by one. */
const PROFILES = 3

/**
 * Times steps of a net on a generated batch.
 *
 * @throws Error where the net does not fit the device, or devices
 *
 * @example
 * const { imagesPerSecond } = await bench(alexnet(), device, { batch: 128 })
 */
export async function bench(
  definition: NetDefinition,
  on: Device | readonly Device[],
  options: BenchOptions
): Promise<BenchResult> {
  const { batch, dtype = 'f32', mode = 'train', parallel } = options
  const { steps = 10, warmUp = 2, timeline = false } = options
  const training = mode === 'train'
  const optimizer = sgd({ momentum: 0.9, weightDecay: 0.0005 })
  await using net = await definition.build(on, {
    ...{ batch, dtype, training, optimizer },
    ...(parallel && { parallel })
  })
  const set = generated(definition.input, net.classes, batch)
  const indices = Uint32Array.from({ length: batch }, (_, i) => i)
  if (training) {
    await using trainer = await Trainer.create(net, set, optimizer)
    // Brings the batch and the scalars to the device, where they stay.
    await (
      await trainer.step(indices, { step: 0, seed: 1, lr: 1e-4, scale: dtype === 'f16' ? 1024 : 1 })
    ).result
    const { program, calls } = (await trainer.stage(batch)).round('only')
    return await measure(net, program, calls, { steps, warmUp, timeline })
  }
  const feed = net.own(await Feed.create(net, set))
  const deliver = await feed.stage({ indices, step: 0, seed: 1 })
  await deliver()
  net.refresh()
  const { forward } = net.calls
  using program = net.record(forward)
  return await measure(net, program, forward, { steps, warmUp, timeline })
}

async function measure(
  net: Net,
  program: Program,
  calls: readonly BoundCall[],
  { steps, warmUp, timeline }: Required<Pick<BenchOptions, 'steps' | 'warmUp' | 'timeline'>>
): Promise<BenchResult> {
  const times: number[] = []
  // One more is always queued, so that the device does not wait for JavaScript.
  let next = program.run()
  let last = performance.now()
  let before = process.cpuUsage()
  let callMs = 0
  for (let i = 0; i < warmUp + steps; i++) {
    if (i === warmUp) before = process.cpuUsage()
    const now = next
    const called = performance.now()
    next = program.run()
    if (i >= warmUp) callMs += performance.now() - called
    await now
    const time = performance.now()
    if (i >= warmUp) times.push(time - last)
    last = time
  }
  const { user, system } = process.cpuUsage(before)
  const host = { cpuMs: (user + system) / 1000 / steps, callMs: callMs / steps }
  await next
  const profiles: (readonly number[] | Float64Array)[] = []
  for (let i = 0; i < PROFILES; i++) {
    if (net.placement.parts.length === 1) profiles.push(await program.profile())
    else profiles.push((await spansOf(net, program, calls)).map(({ ms }) => ms))
  }
  const spans = timeline ? await spansOf(net, program, calls) : undefined
  const stepMs = median(times)
  const pace = (ms: number) => (net.batch * 1000) / ms
  return {
    steps: times,
    stepMs,
    imagesPerSecond: {
      median: pace(stepMs),
      min: pace(Math.max(...times)),
      max: pace(Math.min(...times))
    },
    host,
    calls: calls.map(({ call: { op, stream, layer, pass } }, i) => ({
      ...{ device: stream.device.name, layer, pass },
      ...{ op: op.name, implementation: op.implementation },
      ms: median(profiles.map((profile) => profile[i] ?? 0))
    })),
    ...(spans && { timeline: spans })
  }
}

/** A batch of noise of the net's own size. */
function generated(input: InputShape, classes: number, batch: number): ImageSet {
  const random = new Random({ seed: 1, purpose: 'bench' })
  const { channels, height, width } = input
  const images = new Uint8Array(batch * channels * height * width)
  for (let i = 0; i < images.length; i++) images[i] = random.word() & 255
  return arrayImageSet({
    images,
    labels: Int32Array.from({ length: batch }, () => random.integer(classes)),
    ...{ height, width, channels },
    classes: Array.from({ length: classes }, (_, i) => String(i))
  })
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 ? high : (high + (sorted[middle - 1] ?? high)) / 2
}
