import type { Dataset, ImageSet } from '../data/dataset.ts'
import { holdOut, subset } from '../data/hold-out.ts'
import { datasetRule } from '../data/rules.ts'
import type { ValidationOptions } from '../training/loop/validation.ts'
import { checkArguments } from '../util/check/check.ts'
import { permutation } from '../util/random.ts'
import { flagOf } from './flags.ts'
import { fewerRule, SettingsError, settingsRule, type TrainSettings } from './settings.ts'

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
 * @throws SettingsError if all images would be held out
 *
 * @example
 * const { images, validation } = splitData(run.settings, data)
 * for await (const step of train(net, images, { lr: 0.01, validation })) await run.log(step)
 */
export function splitData(settings: TrainSettings, data: Dataset): SplitData {
  checkArguments('run', { settings: [settings, settingsRule], data: [data, datasetRule] })
  if (!isValidated(settings)) return { images: data.train }
  const { validateEvery: every, patience, holdOut: count, seed } = settings
  if (count !== undefined && count >= data.train.length) {
    throw new SettingsError(
      `[run] ${flagOf('holdOut')}: expected from 1 to ${data.train.length - 1} of the ${data.train.length} training images, got ${count}: ` +
        'hold out fewer, or validate on the test images (--validate)'
    )
  }
  const parts = count === undefined ? undefined : holdOut(data.train, count, seed)
  const validation = { set: parts?.held ?? data.test, every, patience }
  return { images: parts?.rest ?? data.train, validation }
}

/**
 * Takes as many of the test images as the settings say, drawn by the seed, for tests and validations.
 *
 * @param settings `testImages` and `seed` count
 * @returns the same data where it has no more test images than that
 *
 * @example
 * const data = withFewerTests({ testImages: 1000, seed: 1 }, await openData('cifar-10'))
 */
export function withFewerTests(
  settings: Pick<TrainSettings, 'testImages' | 'seed'>,
  data: Dataset
): Dataset {
  checkArguments('run', { settings: [settings, fewerRule], data: [data, datasetRule] })
  const { testImages, seed } = settings
  const { test } = data
  if (testImages === undefined || testImages >= test.length) return data
  const drawn = permutation(test.length, seed, 0).slice(0, testImages).sort()
  return { ...data, test: subset(test, drawn) }
}
