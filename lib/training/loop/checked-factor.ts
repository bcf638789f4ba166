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
    `[train] ${name}: expected a factor from 0 at step ${at.step + 1}, got ${describe(value)}; ` +
      `the step was not made: the weights are those of step ${at.step}`
  )
}
