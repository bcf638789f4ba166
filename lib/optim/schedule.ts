/** How the learning rate goes on: a factor on it, from where training stands. */

export interface Progress {
  /** Steps done. */
  readonly step: number
  /** Epochs done, with fraction. */
  readonly epoch: number
  /** Steps in all. */
  readonly steps: number
}

/** Factor on the learning rate. */
export type Schedule = (at: Progress) => number

/** How a parameter is trained where that is not as all others are: factors on the run's rate and decay. */
export interface Course {
  /** Default: constant. A parameter whose rate is 0 stays as it is. */
  readonly rate?: Schedule
  /** Default: constant. */
  readonly decay?: Schedule
}

/**
 * Each parameter's course, such as `conv1.weight`'s: layer 'conv1', kind 'weight'. Parameters that are trained
 * alike share one object, and so a row of the device's scalars.
 */
export type Courses = (parameter: { readonly layer: string; readonly kind: string }) => Course

/** The run's own course. */
const usual: Course = {}
export const uniform: Courses = () => usual

export const constant = (): Schedule => () => 1

/** Times `factor` at each of these epochs: `step({ at: [30, 60], factor: .1 })`, or every so many. */
export function step(options: {
  readonly every?: number
  readonly at?: readonly number[]
  /** Default .1. */
  readonly factor?: number
}): Schedule {
  const { every, at, factor = 0.1 } = options
  if ((every === undefined) === (at === undefined)) {
    throw new Error('[schedule] step expected either every or at, in epochs')
  }
  return ({ epoch }) => {
    const drops = at ? at.filter((drop) => epoch >= drop).length : Math.floor(epoch / (every ?? 1))
    return factor ** drops
  }
}

/** Times `factor` each epoch, smoothly. */
export function exponential(options: { readonly factor: number }): Schedule {
  return ({ epoch }) => options.factor ** epoch
}

/** Half a cosine from 1 down to `end` (default 0) at the last step. Loshchilov and Hutter 2017. */
export function cosine(options: { readonly end?: number } = {}): Schedule {
  const { end = 0 } = options
  return ({ step, steps }) =>
    end + ((1 - end) * (1 + Math.cos(Math.PI * Math.min(1, step / Math.max(1, steps))))) / 2
}

/** A straight line up to 1 over the first `steps` steps, times what `next` says. Default: constant. */
export function warmUp(options: { readonly steps: number; readonly next?: Schedule }): Schedule {
  const { steps, next = constant() } = options
  return (at) => Math.min(1, (at.step + 1) / steps) * next(at)
}

/** `cosine` after a warm-up of `steps` steps (default 20): for runs too short to recover from a bad start. */
export function warmCosine(options: { readonly steps?: number } = {}): Schedule {
  return warmUp({ steps: options.steps ?? 20, next: cosine() })
}

/** A schedule that is told how training goes, and can be saved with it. */
export interface Plateau extends Schedule {
  /** Tells it the value to watch, such as the validation error: lower is better. */
  observe(value: number): void
  /** Without `best` before the first. */
  state: { factor: number; best?: number; waited: number }
}

/** Whether a schedule wants to be told how training goes. */
export function isPlateau(schedule: Schedule): schedule is Plateau {
  return 'observe' in schedule && 'state' in schedule
}

/** Times `factor` (default .1) when what `observe` was told has not improved for `patience` (default 3) times. */
export function plateau(
  options: {
    readonly factor?: number
    readonly patience?: number
    readonly threshold?: number
    /** How often at most. Default: always. */
    readonly drops?: number
  } = {}
): Plateau {
  const { factor = 0.1, patience = 3, threshold = 1e-4, drops } = options
  const least = drops === undefined ? 0 : factor ** drops
  const state: Plateau['state'] = { factor: 1, waited: 0 }
  const schedule = (): number => schedule.state.factor
  schedule.state = state
  schedule.observe = (value: number): void => {
    const now = schedule.state
    if (now.best === undefined || value < now.best * (1 - threshold)) {
      now.best = value
      now.waited = 0
    } else if (++now.waited >= patience) {
      now.factor = Math.max(least, now.factor * factor)
      now.waited = 0
    }
  }
  return schedule
}
