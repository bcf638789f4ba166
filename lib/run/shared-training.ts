import type { Group } from '../group/group.ts'
import { checkOptions } from '../util/check/check.ts'
import { FollowedRun, type RunOfFirst } from './followed-run.ts'
import { settingsRule, type TrainSettings } from './settings.ts'
import { type OpenTrainingOptions, openTraining, TrainingRun } from './training-run.ts'

/**
 * Opens the training run of a group of processes. Rank 0 opens its folder, and alone writes to it; the others get the
 * settings and the state from it.
 *
 * @throws what openTraining throws, on rank 0; GroupError on the others then
 */
export async function openSharedTraining(
  group: Group,
  options: OpenTrainingOptions
): Promise<TrainingRun> {
  if (group.size === 1) return openTraining(options)
  const what = 'the run of rank 0'
  if (group.rank === 0) {
    const run = await openTraining(options)
    try {
      const { folder, step, settings, from } = run
      const state = from && { train: from.state }
      await group.ofFirst(what, { settings, run: { folder, step, state } })
      return run
    } catch (error) {
      await run.close()
      throw error
    }
  }
  const told = await group.ofFirst<{ settings: TrainSettings; run: RunOfFirst } | undefined>(
    what,
    undefined
  )
  if (!told) throw new Error('[run] expected rank 0 to tell its run, got nothing')
  const { settings, run } = told
  checkOptions('run', settings, settingsRule)
  return new TrainingRun(new FollowedRun(run), settings, undefined)
}
