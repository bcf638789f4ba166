import type { Dataset, ImageSet } from '../data/dataset.ts'
import { holdOut } from '../data/hold-out.ts'
import { datasetRule } from '../data/rules.ts'
import type { ValidationOptions } from '../training/loop/validation.ts'
import { checkArguments } from '../util/check/check.ts'
import { settingsRule, type TrainSettings } from './settings.ts'

/** True if the settings ask for validations. */
function isValidated(settings: Partial<TrainSettings>): boolean {
  const { validate = false, validateEvery, holdOut, patience, schedule } = settings
  const asked = validateEvery !== undefined || holdOut !== undefined || patience !== undefined
  return validate || asked || schedule === 'plateau'
}

/** The images that a run trains on and validates on. */
export interface SplitData {
  /** Images to train on. */
  readonly images: ImageSet
  /** For `train`'s option of the same name; undefined if the settings ask for no validation. */
  readonly validation?: Pick<ValidationOptions, 'set' | 'every' | 'patience'>
}

/**
 * Splits a data set as settings say. Validations use the training images that are held out, or else the test images.
 *
 * @param settings `holdOut`, `validate`, `validateEvery`, `patience`, `schedule` and `seed` count
 *
 * @example
 * const { images, validation } = splitData(run.settings, data)
 * for await (const step of train(net, images, { lr: 0.01, validation })) await run.log(step)
 */
export function splitData(settings: TrainSettings, data: Dataset): SplitData {
  checkArguments('run', { settings: [settings, settingsRule], data: [data, datasetRule] })
  if (!isValidated(settings)) return { images: data.train }
  const { validateEvery: every, patience, holdOut: count, seed } = settings
  const parts = count === undefined ? undefined : holdOut(data.train, count, seed)
  const validation = { set: parts?.held ?? data.test, every, patience }
  return { images: parts?.rest ?? data.train, validation }
}
