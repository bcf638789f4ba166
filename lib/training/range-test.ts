/**
 * Learning rate range test: trains some steps at rates from low to high, and looks where the loss falls and where it
 * rises again. Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
 */
import type { ImageSet } from '../data/dataset.ts'
import { anImageSet } from '../data/rules.ts'
import type { Net } from '../net/net.ts'
import { aNet } from '../net/rules.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { callback, f32, maybe, record, whole } from '../util/check/rules.ts'
import type { TrainOptions } from './options.ts'
import { NonFiniteError } from './step/non-finite-error.ts'
import { train } from './train.ts'
import { stepRules } from './train-rules.ts'

/** Options of `rangeTest`: those of `train` that decide a step, and the rates to try. */
export interface RangeTestOptions
  extends Pick<
    TrainOptions,
    | 'optimizer'
    | 'courses'
    | 'rates'
    | 'input'
    | 'labelSmoothing'
    | 'clipNorm'
    | 'accumulate'
    | 'seed'
    | 'signal'
  > {
  /** Steps at most, from 20; the test ends early where the loss runs away. Default 100. */
  readonly steps?: number
  /** The first rate. Default 1e-6 for Adam, 1e-5 for SGD. */
  readonly from?: number
  /** The last rate. Default .1 for Adam, 10 for SGD. */
  readonly to?: number
  /** Called after each step with the number of steps done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** One step of a range test. */
export interface RangePoint {
  /** The learning rate. */
  readonly lr: number
  /** The loss before the step's update, in nats: the mean over the steps around it. */
  readonly loss: number
}

/** What a range test found. */
export interface RangeTest {
  /** The suggested rate; undefined if no rate lowered the loss. */
  readonly lr: number | undefined
  /** Why, in one sentence for people. */
  readonly reason: string
  /** By step. Rates grow by the same factor. */
  readonly points: readonly RangePoint[]
}

/** Steps on either side that a loss is averaged with. */
const AROUND = 4
/** The test ends where the loss is so many times the lowest, which is beyond noise. */
const RUNS_AWAY = 3
/**
 * The loss must fall by this fraction, and by so many standard errors of a difference: more than two, since the lowest
 * of many is looked at.
 */
const FALL = { errors: 4, share: 0.02 }
/** The rate with the lowest loss is about to diverge; a tenth of it is the usual choice. */
const ROOM = 10

const rangeTestRule = record<RangeTestOptions>(
  {
    ...stepRules,
    steps: maybe(whole({ from: 20 })),
    from: maybe(f32({ above: 0 })),
    to: maybe(f32({ above: 0 })),
    onProgress: maybe(callback)
  },
  {
    also: ({ from, to }) =>
      from !== undefined && to !== undefined && to <= from
        ? { path: 'to', expected: `a number above from, ${from}`, got: `${to}` }
        : undefined
  }
)

const ranges = { adam: [1e-6, 0.1], sgd: [1e-5, 10] } as const

/**
 * Suggests a learning rate. Afterwards the net has the weights that it had before.
 *
 * @param net built for training
 * @param set images to train on
 * @throws RangeError for a wrong option; other errors as `train`, but a loss that is not finite only ends the test
 * @throws the signal's reason where it was aborted
 *
 * @example
 * const { lr = 1e-4, reason } = await rangeTest(net, data.train, { optimizer: adam() })
 */
export async function rangeTest(
  net: Net,
  set: ImageSet,
  options: RangeTestOptions = {}
): Promise<RangeTest> {
  checkArguments('rangeTest', { net: [net, aNet], set: [set, anImageSet] })
  checkOptions('rangeTest', options, rangeTestRule)
  const { steps = 100, onProgress, signal, ...step } = options
  const [least, most] = ranges[step.optimizer?.op ?? 'sgd']
  const { from = least, to = most, ...rest } = step
  const factor = (to / from) ** (1 / (steps - 1))
  const schedule = ({ step }: { readonly step: number }) => factor ** step
  const before = await net.parameters.export(net.stream)
  const losses: number[] = []
  try {
    for await (const { loss } of train(net, set, { ...rest, steps, lr: from, schedule, signal })) {
      losses.push(loss)
      onProgress?.(losses.length, steps)
      if (runsAway(losses)) break
    }
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error
  } finally {
    await net.parameters.import(net.stream, before)
  }
  signal?.throwIfAborted()
  if (losses.length < steps) onProgress?.(steps, steps)
  return judge(losses, (step) => from * factor ** step)
}

/** True where the mean of the last steps is far above the lowest there was, and above that of the first. */
function runsAway(losses: readonly number[]): boolean {
  const means = smooth(losses)
  const last = means.at(-1) ?? 0
  return losses.length > 2 * AROUND && last > RUNS_AWAY * Math.max(Math.min(...means), 0.1)
}

/** The mean of each loss and its neighbours. */
function smooth(losses: readonly number[]): number[] {
  return losses.map((_, i) => mean(losses.slice(Math.max(0, i - AROUND), i + AROUND + 1)))
}

function judge(losses: readonly number[], rateAt: (step: number) => number): RangeTest {
  const means = smooth(losses)
  const points = means.map((loss, i) => ({ lr: rateAt(i), loss }))
  const first = losses.slice(0, 2 * AROUND + 1)
  const start = mean(first)
  const lowest = points.reduce((low, point) => (point.loss < low.loss ? point : low), {
    lr: Number.NaN,
    loss: Infinity
  })
  const deviation = Math.sqrt(mean(first.map((loss) => (loss - start) ** 2)))
  const fall = start - lowest.loss
  const error = deviation * Math.sqrt(2 / first.length)
  const needed = Math.max(FALL.errors * error, FALL.share * start)
  if (!(fall > needed)) {
    const reason =
      `No rate from ${figure(rateAt(0))} to ${figure(rateAt(losses.length - 1))} lowered the loss ` +
      `of ${start.toFixed(3)} within ${losses.length} steps.`
    return { lr: undefined, reason, points }
  }
  const lr = Number((lowest.lr / ROOM).toPrecision(2))
  const rises = points.at(-1)?.lr === lowest.lr ? 'the test ends there' : 'beyond that it rises'
  const reason =
    `The loss falls from ${start.toFixed(3)} to ${lowest.loss.toFixed(3)} at a rate of ` +
    `${figure(lowest.lr)}; ${rises}. A tenth of that rate, ${figure(lr)}, keeps away from the edge.`
  return { lr, reason, points }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Two digits. */
function figure(value: number): string {
  return String(Number(value.toPrecision(2)))
}
