/** Schedules: a factor on the learning rate that depends on the progress of training. */
import { checkOptions } from '../util/check/check.ts'
import {
  callback,
  type Fault,
  f32,
  list,
  maybe,
  number,
  record,
  whole
} from '../util/check/rules.ts'
import { wholeBelow } from '../util/near-whole.ts'

/** How far training is. */
export interface Progress {
  /** Number of steps done. */
  readonly step: number
  /** Number of epochs done, with its fraction. */
  readonly epoch: number
  /** Number of steps of the whole run. */
  readonly steps: number
}

/** Gives the factor on the learning rate for the next step. */
export type Schedule = (at: Progress) => number

/** How one parameter is trained: factors on the run's learning rate and weight decay. */
export interface Course {
  /** Factor on the learning rate. Default: constant 1. At 0 the parameter stays unchanged. */
  readonly rate?: Schedule
  /** Factor on the weight decay. Default: constant 1. */
  readonly decay?: Schedule
}

/**
 * Gives the course of each parameter; `conv1.weight` has the layer 'conv1' and the kind 'weight'. Parameters that
 * share a course object share one row of the device's scalars.
 */
export type Courses = (parameter: { readonly layer: string; readonly kind: string }) => Course

const plain: Course = {}

/** @internal The same course for all parameters: the run's rate and decay. */
export const uniform: Courses = () => plain

/** The factor 1 at every step. */
export const constant = (): Schedule => () => 1

const factor = f32({ from: 0 })

interface StepOptions {
  readonly every?: number
  readonly at?: readonly number[]
  readonly factor?: number
}
const stepOptions = record<StepOptions>(
  {
    every: maybe(number({ above: 0 })),
    at: maybe(list(number({ from: 0 }))),
    factor: maybe(factor)
  },
  { also: oneOfTwo }
)

function oneOfTwo({ every, at }: StepOptions): Fault | undefined {
  if ((every === undefined) !== (at === undefined)) return undefined
  const got = every === undefined ? 'neither' : 'both'
  return { path: '', expected: 'either every or at, in epochs', got }
}

/**
 * Multiplies the factor at given epochs.
 * @throws RangeError unless exactly one of `every` and `at` is given
 *
 * @example
 * train(net, data.train, { lr: 0.01, schedule: schedules.step({ at: [30, 60] }), epochs: 90 })
 */
export function step(options: {
  /** Number of epochs between two drops. */
  readonly every?: number
  /** Epochs of the drops. */
  readonly at?: readonly number[]
  /** Factor of each drop. Default 0.1. */
  readonly factor?: number
}): Schedule {
  checkOptions('schedule', options, stepOptions)
  const { every = 1, at, factor = 0.1 } = options
  return ({ epoch }) => {
    // 3 of 10 steps are .3 epochs, and .3 / .1 is a little below 3.
    const done = (drop: number) => drop === 0 || wholeBelow(epoch / drop) >= 1
    const drops = at ? at.filter(done).length : wholeBelow(epoch / every)
    return factor ** drops
  }
}

/**
 * Multiplies the factor continuously: after e epochs it is factor^e.
 *
 * @example
 * const schedule = schedules.exponential({ factor: 0.95 })
 */
export function exponential(options: {
  /** Factor of one epoch. */
  readonly factor: number
}): Schedule {
  checkOptions('schedule', options, record<typeof options>({ factor }))
  const { factor: base } = options
  return ({ epoch }) => base ** epoch
}

/**
 * Falls along half a cosine from 1 to `end` at the last step. From Loshchilov and Hutter, "SGDR: stochastic
 * gradient descent with warm restarts", ICLR 2017.
 *
 * @example
 * const schedule = schedules.cosine({ end: 0.01 })
 */
export function cosine(
  options: {
    /** Factor at the last step. Default 0. */
    readonly end?: number
  } = {}
): Schedule {
  checkOptions('schedule', options, record<typeof options>({ end: maybe(factor) }))
  const { end = 0 } = options
  return ({ step, steps }) =>
    end + ((1 - end) * (1 + Math.cos(Math.PI * Math.min(1, step / Math.max(1, steps))))) / 2
}

/**
 * Rises linearly to 1 over the first steps, times another schedule.
 *
 * @example
 * const schedule = schedules.warmUp({ steps: 500, next: schedules.cosine() })
 */
export function warmUp(options: {
  /** Number of steps of the rise. */
  readonly steps: number
  /** The schedule that is multiplied. Default: constant 1. */
  readonly next?: Schedule
}): Schedule {
  const rules = { steps: whole({ from: 0 }), next: maybe(callback) }
  checkOptions('schedule', options, record<typeof options>(rules))
  const { steps, next = constant() } = options
  return (at) => Math.min(1, (at.step + 1) / steps) * next(at)
}

/**
 * `cosine` with a warm-up: for runs too short to recover from a bad start.
 *
 * @example
 * const schedule = schedules.warmCosine({ steps: 20 })
 */
export function warmCosine(
  options: {
    /** Number of steps of the warm-up. Default 20. */
    readonly steps?: number
  } = {}
): Schedule {
  checkOptions('schedule', options, record<typeof options>({ steps: maybe(whole({ from: 0 })) }))
  return warmUp({ steps: options.steps ?? 20, next: cosine() })
}

/** A schedule that follows a watched value. Checkpoints save its state. */
export interface Plateau extends Schedule {
  /** Takes the next value, such as the validation error; lower is better, and NaN is no improvement. */
  observe(value: number): void
  /** Its state. A checkpoint saves and restores it. */
  state: {
    /** Present factor on the learning rate. */
    factor: number
    /** Best value so far; missing before the first. */
    best?: number
    /** Values since the best one or the last drop. */
    waited: number
  }
}

/** @internal True for a schedule that needs `observe` to be called. */
export function isPlateau(schedule: Schedule): schedule is Plateau {
  return 'observe' in schedule && 'state' in schedule
}

interface PlateauOptions {
  readonly factor?: number
  readonly patience?: number
  readonly threshold?: number
  readonly drops?: number
}
const plateauOptions = record<PlateauOptions>({
  factor: maybe(f32({ from: 0, to: 1 })),
  patience: maybe(whole({ from: 1 })),
  threshold: maybe(number({ from: 0, below: 1 })),
  drops: maybe(whole({ from: 0 }))
})

/**
 * Multiplies the factor after `patience` values without improvement.
 *
 * @example
 * const schedule = schedules.plateau({ patience: 5, drops: 2 })
 * train(net, data.train, { lr: 0.01, schedule, epochs: 60, validation: { set: data.test } })
 */
export function plateau(
  options: {
    /** Factor of each drop. Default 0.1. */
    readonly factor?: number
    /** Number of values without improvement before a drop. Default 3. */
    readonly patience?: number
    /** Relative improvement that counts. Default 1e-4. */
    readonly threshold?: number
    /** Largest number of drops. Default: no limit. */
    readonly drops?: number
  } = {}
): Plateau {
  checkOptions('schedule', options, plateauOptions)
  const { factor = 0.1, patience = 3, threshold = 1e-4, drops } = options
  const least = drops === undefined ? 0 : factor ** drops
  const state: Plateau['state'] = { factor: 1, waited: 0 }
  const schedule = (): number => schedule.state.factor
  schedule.state = state
  schedule.observe = (value: number): void => {
    const now = schedule.state
    const bound = now.best === undefined ? Number.POSITIVE_INFINITY : now.best * (1 - threshold)
    if (value < bound) {
      now.best = value
      now.waited = 0
    } else if (++now.waited >= patience) {
      now.factor = Math.max(least, now.factor * factor)
      now.waited = 0
    }
  }
  return schedule
}
