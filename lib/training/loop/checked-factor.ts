import type { Progress, Schedule } from '../../optim/schedule.ts'
import { describe } from '../../util/check/describe.ts'
import { f32 } from '../../util/check/rules.ts'

const factor = f32({ from: 0 })

/**
 * The factor that a schedule gives for the next step, which is not queued yet.
 *
 * @param name of the schedule, for the error
 * @throws RangeError for anything but a finite number from 0
 */
export function factorOf(name: string, schedule: Schedule, at: Progress): number {
  const value = schedule(at)
  if (factor.fault(value) === undefined) return value
  throw new RangeError(
    `[train] ${name}: expected a factor from 0 at step ${at.step + 1}, got ${describe(value)}; ${notMade(at)}`
  )
}

/**
 * A rate or decay of the next step, which is a product of numbers that are finite each.
 *
 * @param name of what it is, for the error
 * @throws RangeError where it is not finite in f32, in which ops compute
 */
export function productOf(name: string, value: number, at: Progress): number {
  const fault = factor.fault(value)
  if (!fault) return value
  throw new RangeError(
    `[train] ${name}: expected ${fault.expected} at step ${at.step + 1}, got ${fault.got}; ${notMade(at)}`
  )
}

/** What an error says of a step that a scalar was refused for. */
export function notMade({ step }: Progress): string {
  return `the step was not made: the weights are those of step ${step}`
}
