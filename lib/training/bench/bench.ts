import type { Device } from '../../engine/device.ts'
import type { Program } from '../../engine/program.ts'
import { devices } from '../../engine/rules.ts'
import { type FloatDType, floatDTypes } from '../../native/dtype.ts'
import type { NetDefinition } from '../../net/definition.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'
import { type Parallel, parallelRule } from '../../net/placement/placement.ts'
import { aDefinition } from '../../net/rules.ts'
import { type Optimizer, optimizerRule, sgd } from '../../optim/optimizer.ts'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { flag, maybe, number, oneOf, record, whole } from '../../util/check/rules.ts'
import { median } from '../../util/median.ts'
import { Feed } from '../input/feed.ts'
import { Trainer } from '../step/trainer.ts'
import { generated } from './generated.ts'
import { type CallTime, type LayerTime, perLayer } from './per-layer.ts'
import { type Span, spansOf } from './timeline.ts'

/** Options of `bench`. */
export interface BenchOptions {
  /** Images in a batch. */
  readonly batch: number
  /** Floating-point format. Default 'f32'. */
  readonly dtype?: FloatDType
  /** How several devices share the net. Default: as `build`. */
  readonly parallel?: Parallel
  /** 'train': forward, backward and update. 'infer': forward. Default 'train'. */
  readonly mode?: 'train' | 'infer'
  /** Allow Winograd convolutions. Default true. */
  readonly winograd?: boolean
  /** Default: `sgd({ momentum: 0.9, weightDecay: 0.0005 })`. */
  readonly optimizer?: Optimizer
  /** Timed steps. Default 10. */
  readonly steps?: number
  /** Steps before them that are not timed. Default 2. */
  readonly warmUp?: number
  /** Time each call of one more step. Default false. */
  readonly timeline?: boolean
}

const benchOptions = record<BenchOptions>({
  batch: whole({ from: 1 }),
  dtype: maybe(oneOf(...floatDTypes)),
  parallel: maybe(parallelRule),
  mode: maybe(oneOf('train', 'infer')),
  winograd: maybe(flag),
  optimizer: maybe(optimizerRule),
  steps: maybe(whole({ from: 1 })),
  warmUp: maybe(whole({ from: 0 })),
  timeline: maybe(flag)
})

interface RunOptions {
  readonly steps?: number
  readonly seconds?: number
}
const runOptions = record<RunOptions>({
  steps: maybe(whole({ from: 0 })),
  seconds: maybe(number({ from: 0 }))
})

/** Times of steps that ran one after another. */
export interface Burst {
  /** Milliseconds of each step. */
  readonly steps: readonly number[]
  /** What a step takes of the host. */
  readonly host: {
    /** Milliseconds a step: CPU time of the process, over all threads. */
    readonly cpuMs: number
    /** Milliseconds a step: the JavaScript call that queues it. */
    readonly callMs: number
  }
}

/** Times of a step's calls. */
export interface Profile {
  /** In the order of the step; medians of a few steps. */
  readonly calls: readonly CallTime[]
  /** The same by layer and pass. */
  readonly layers: readonly LayerTime[]
  /** Milliseconds of a step in which no op ran; undefined if several devices work in parallel. */
  readonly outsideMs: number | undefined
}

/** Result of `bench`. */
export interface BenchResult extends Burst, Profile {
  /** Milliseconds of the median step. */
  readonly stepMs: number
  /** Images a second. */
  readonly imagesPerSecond: {
    /** Of the median step. */
    readonly median: number
    /** Of the slowest step. */
    readonly min: number
    /** Of the fastest step. */
    readonly max: number
  }
  /** With `timeline`: when each call of a step ran. See `chromeTrace`. */
  readonly timeline?: readonly Span[]
}

/** Steps whose calls are timed. */
const PROFILES = 3

/**
 * A net with a generated batch on its device, to be timed repeatedly. `bench` does that once.
 *
 * @example
 * await using benchmark = await Benchmark.create(alexnet(), device, { batch: 128 })
 * const { steps } = await benchmark.run({ seconds: 10 })
 */
export class Benchmark {
  /** The net that is measured. `close` closes it. */
  readonly net: Net
  readonly #program: Program
  readonly #calls: readonly BoundCall[]

  private constructor(net: Net, program: Program, calls: readonly BoundCall[]) {
    this.net = net
    this.#program = program
    this.#calls = calls
  }

  /**
   * Builds the net and brings a batch to it.
   * @throws OutOfMemoryError where the net does not fit the device
   */
  static async create(
    definition: NetDefinition,
    on: Device | readonly Device[],
    options: BenchOptions
  ): Promise<Benchmark> {
    checkArguments('bench', { definition: [definition, aDefinition], on: [on, devices] })
    checkOptions('bench', options, benchOptions)
    const { batch, dtype = 'f32', mode = 'train', winograd = true, parallel } = options
    const { optimizer = sgd({ momentum: 0.9, weightDecay: 0.0005 }) } = options
    const training = mode === 'train'
    const net = await definition.build(on, {
      batch,
      dtype,
      training,
      winograd,
      optimizer,
      ...(parallel && { parallel })
    })
    try {
      const set = generated(definition.input, net.classes, batch)
      const indices = Uint32Array.from({ length: batch }, (_, i) => i)
      if (training) {
        const trainer = await Trainer.create(net, set, optimizer)
        // Brings the batch and the scalars to the device, where they remain.
        const scale = dtype === 'f16' ? 1024 : 1
        await (await trainer.step(indices, { step: 0, seed: 1, lr: 1e-4, scale })).result
        const { program, calls } = (await trainer.recorded(batch)).program('only')
        return new Benchmark(net, program, calls)
      }
      const feed = net.own(await Feed.create(net, set))
      const deliver = await feed.stage({ indices, step: 0, seed: 1 })
      await deliver()
      net.refresh()
      const { forward } = net.calls
      return new Benchmark(net, net.own(net.record(forward)), forward)
    } catch (error) {
      await net.close()
      throw error
    }
  }

  /** Runs `steps` steps (default 1), and more until `seconds` (default 0) are over. */
  async run(options: { steps?: number; seconds?: number }): Promise<Burst> {
    checkOptions('bench', options, runOptions)
    const { steps = 1, seconds = 0 } = options
    const program = this.#program
    const times: number[] = []
    let callMs = 0
    const queue = () => {
      const called = performance.now()
      const ran = program.run()
      callMs += performance.now() - called
      return ran
    }
    const before = process.cpuUsage()
    const start = performance.now()
    let last = start
    // Always one step ahead, so that the device does not wait for JavaScript.
    for (let next: Promise<void> | undefined = queue(); next; ) {
      const now: Promise<void> = next
      const queued = times.length + 1
      const ahead = last - start + 2 * (times.at(-1) ?? 0)
      next = queued < steps || ahead < seconds * 1000 ? queue() : undefined
      await now
      const time = performance.now()
      times.push(time - last)
      last = time
    }
    const { user, system } = process.cpuUsage(before)
    const host = { cpuMs: (user + system) / 1000 / times.length, callMs: callMs / times.length }
    return { steps: times, host }
  }

  /** Times each call of three steps and takes medians. */
  async profile(): Promise<Profile> {
    const { net } = this
    const bound = this.#calls
    const profiles: (readonly number[] | Float64Array)[] = []
    const outside: number[] = []
    if (net.placement.parts.length > 1) {
      for (let i = 0; i < PROFILES; i++) {
        profiles.push((await this.timeline()).map(({ ms }) => ms))
      }
    } else {
      let next = this.#program.profile()
      for (let i = 0, last = Number.NaN; i <= PROFILES; i++) {
        const now = next
        if (i < PROFILES) next = this.#program.profile()
        const ms = await now
        const time = performance.now()
        // Nothing was queued before the first.
        if (i > 0) {
          profiles.push(ms)
          outside.push(time - last - ms.reduce((sum, one) => sum + one, 0))
        }
        last = time
      }
    }
    const ms = bound.map((_, i) => median(profiles.map((profile) => profile[i] ?? 0)))
    const { calls, layers } = perLayer(net, bound, ms)
    return { calls, layers, outsideMs: outside.length > 0 ? median(outside) : undefined }
  }

  /** Runs one step and returns when each of its calls ran. */
  timeline(): Promise<Span[]> {
    return spansOf(this.net, this.#program, this.#calls)
  }

  /** Closes the net and frees its memory. */
  close(): Promise<void> {
    return this.net.close()
  }

  /** Closes the benchmark at the end of its block: see `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Measures the speed of a net on a generated batch that is on the device already: step times, then the time of each
 * call, summed by layer and pass.
 *
 * @param definition of the net
 * @param on one device, or several that share the net
 * @throws OutOfMemoryError where the net does not fit the device
 *
 * @example
 * const { imagesPerSecond } = await bench(alexnet(), device, { batch: 128 })
 */
export async function bench(
  definition: NetDefinition,
  on: Device | readonly Device[],
  options: BenchOptions
): Promise<BenchResult> {
  checkOptions('bench', options, benchOptions)
  const { steps = 10, warmUp = 2, timeline = false } = options
  await using benchmark = await Benchmark.create(definition, on, options)
  await benchmark.run({ steps: warmUp })
  const burst = await benchmark.run({ steps })
  const stepMs = median(burst.steps)
  const pace = (ms: number) => (options.batch * 1000) / ms
  const imagesPerSecond = {
    median: pace(stepMs),
    min: pace(Math.max(...burst.steps)),
    max: pace(Math.min(...burst.steps))
  }
  const profile = await benchmark.profile()
  return {
    ...burst,
    ...profile,
    stepMs,
    imagesPerSecond,
    ...(timeline && { timeline: await benchmark.timeline() })
  }
}
